/**
 * Endpoints: all those of a call are created in one commit, which decides their addresses, MACs and names, or none is.
 */
import { OvlError } from "../base/errors.ts"
import { ENDPOINTS_PER_CALL_MAX } from "../base/limits.ts"
import { nameHint } from "../base/nearest.ts"
import { randomHex } from "../base/random.ts"
import { canonicalIp, familyOf } from "../model/address.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { parseMac } from "../model/mac.ts"
import { checkIfname, checkName } from "../model/name-rule.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { put, read, readVersioned } from "./codec.ts"
import { type RegistryContext, timestamp } from "./context.ts"
import { type Decision, registryRevision } from "./decisions.ts"
import { EndpointCreation, type EndpointWish } from "./endpoint-creation.ts"
import { removal } from "./endpoint-removal.ts"
import * as keys from "./keys.ts"
import { aboutNetwork } from "./networks.ts"
import type { EndpointSpec, EndpointUpdate } from "./port.ts"

/**
 * Errors: network_not_found, node_not_found, name_invalid, name_taken, address_invalid, address_taken,
 * addresses_exhausted, mac_invalid, mac_taken, too_many_endpoints.
 */
export async function createEndpoints(
  context: RegistryContext,
  specs: EndpointSpec[],
): Promise<{ endpoints: EndpointRecord[]; revision: number }> {
  if (specs.length === 0) return { endpoints: [], revision: registryRevision(context.store) }
  checkCount(specs.length)
  const wishes = specs.map((spec) => checkWish(spec, spec.id ?? randomHex(context.random, 64)))
  const created = timestamp(context.clock)
  const about = [...new Set(specs.map((spec) => aboutNetwork(spec.networkId)))]
  const decided = await context.decisions.run(about, () => new EndpointCreation(context.store, created).decide(wishes))
  return { endpoints: decided.result, revision: decided.revision }
}

function checkCount(count: number): void {
  if (count <= ENDPOINTS_PER_CALL_MAX) return
  const why = `more than the ${ENDPOINTS_PER_CALL_MAX} of one call`
  throw new OvlError("too_many_endpoints", `${count} endpoints: ${why}`, {
    kind: "too_large",
    hint: "make several calls",
  })
}

/** Everything that is wrong without a look at the cluster. */
function checkWish(spec: EndpointSpec, id: string): EndpointWish {
  checkName(spec.workload, "workload")
  checkIfname(spec.ifname)
  return { id, spec, asked: askedAddresses(spec), mac: spec.mac === null ? null : parseMac(spec.mac) }
}

/** Either field may name an address of either family, but not both the same. Errors: `address_invalid` (usage). */
function askedAddresses({ ip, ip6 }: EndpointSpec): string[] {
  const asked = [ip, ip6 ?? null].filter((text) => text !== null).map(checkAddress)
  const [first, second] = asked
  if (first === undefined || second === undefined || familyOf(first) !== familyOf(second)) return asked
  throw new OvlError("address_invalid", `addresses ${first} and ${second}: both are IPv${familyOf(first)}`, {
    kind: "usage",
    hint: "an endpoint has one address of each family",
  })
}

/** The canonical text. Errors: `address_invalid` (usage). */
function checkAddress(text: string): string {
  const address = canonicalIp(text)
  if (address !== null) return address
  const hint = "write it without a prefix length, as 10.65.10.2 or fd00:65:10::2"
  throw new OvlError("address_invalid", `address ${text}: not an IP address`, { kind: "usage", hint })
}

/** What is left out stays as it is. Errors: endpoint_not_found, too_many_endpoints. */
export async function updateEndpoints(
  context: RegistryContext,
  updates: EndpointUpdate[],
): Promise<{ revision: number }> {
  if (updates.length === 0) return { revision: registryRevision(context.store) }
  checkCount(updates.length)
  const about = [...new Set(updates.map((update) => `endpoint/${update.id}`))]
  return context.decisions.run(about, () => decideUpdates(context.store, updates))
}

function decideUpdates(store: Store, updates: EndpointUpdate[]): Decision<null> {
  const compare: Compare[] = []
  const operations: Operation[] = []
  for (const [id, changes] of Map.groupBy(updates, (update) => update.id)) {
    const { value: endpoint, modRevision } = readVersioned<EndpointRecord>(store, keys.endpointKey(id))
    if (!endpoint) throw endpointNotFound(id)
    const changed = changes.reduce(updated, endpoint)
    if (JSON.stringify(changed) === JSON.stringify(endpoint)) continue
    compare.push({ key: keys.endpointKey(id), modRevision })
    operations.push(put(keys.endpointKey(id), changed))
  }
  return { compare, operations, result: null }
}

function updated(endpoint: EndpointRecord, update: EndpointUpdate): EndpointRecord {
  const {
    state = endpoint.state,
    egress = endpoint.egress,
    ifname = endpoint.ifname,
    netns = endpoint.netns,
    netnsId = endpoint.netnsId,
  } = update
  return { ...endpoint, state, egress, ifname, netns, netnsId }
}

/** Those that are gone already are no error. More than ENDPOINTS_PER_CALL_MAX go in several commits. */
export async function removeEndpoints(context: RegistryContext, ids: string[]): Promise<{ revision: number }> {
  const wanted = [...new Set(ids)]
  // Gone, or not here yet: a server that follows may be a moment behind.
  if (wanted.some((id) => !context.store.get(keys.endpointKey(id)))) await context.store.barrier()
  let revision = registryRevision(context.store)
  for (let start = 0; start < wanted.length; start += ENDPOINTS_PER_CALL_MAX) {
    revision = await removeSome(context, wanted.slice(start, start + ENDPOINTS_PER_CALL_MAX))
  }
  return { revision }
}

async function removeSome({ store, decisions }: RegistryContext, ids: string[]): Promise<number> {
  const existing = () =>
    ids.map((id) => read<EndpointRecord>(store, keys.endpointKey(id))).filter((endpoint) => endpoint !== undefined)
  const about = [...new Set(existing().map((endpoint) => aboutNetwork(endpoint.networkId)))]
  if (about.length === 0) return registryRevision(store)
  const { revision } = await decisions.run(about, () => ({ ...removal(store, existing()), result: null }))
  return revision
}

/** `known` are the names that may have been meant. */
export function endpointNotFound(reference: string, known: Iterable<string> = []): OvlError {
  return new OvlError("endpoint_not_found", `endpoint ${reference}: not found`, {
    kind: "not_found",
    hint: nameHint(reference, known, "ovl endpoint ls"),
  })
}
