/**
 * Networks: creating one decides its name, VNI and subnet in a single commit that also writes Docker's record of it;
 * removing one takes all of that back.
 */
import { OvlError } from "../base/errors.ts"
import { ENDPOINTS_PER_CALL_MAX, NETWORKS_MAX } from "../base/limits.ts"
import { nameHint } from "../base/nearest.ts"
import { randomHex } from "../base/random.ts"
import { familyOf, parseSubnet } from "../model/address.ts"
import { type Cidr, formatCidr, parseCidr, parseIpv4 } from "../model/cidr.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { NEW_CURSOR } from "../model/ipam.ts"
import { DEFAULT_TENANT } from "../model/names.ts"
import type { NetworkRecord, NetworkSpec } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"
import { DOCKER_RECORD_FLAGS, dockerRecordValue } from "../model/record.ts"
import { type AskedSubnets, askedSubnets, chooseGateway, nextDefaultSubnet } from "../model/subnet.ts"
import { nextVni } from "../model/vni.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { decode, put, read, readVersioned, recordsBelow, remove } from "./codec.ts"
import { clusterRecord, type RegistryContext, timestamp } from "./context.ts"
import type { Decision } from "./decisions.ts"
import { endpointRecord, removal } from "./endpoint-removal.ts"
import * as keys from "./keys.ts"
import { checkEgressClash, checkMtuFits, checkNetworkSpec } from "./network-choice.ts"

/** What the creation of a network goes on from: the number of the last default subnet, the last VNI chosen. */
export interface NetworksCursor {
  vni: number | null
  subnet: number | null
  count: number
}

const NEW_NETWORKS_CURSOR: NetworksCursor = { vni: null, subnet: null, count: 0 }
/** What all creations and removals of networks have in common, and wait for each other over. */
const ABOUT_NETWORKS = "networks"

export const aboutNetwork = (networkId: string): string => `network/${networkId}`

/** Errors: network_name_taken, vni_taken, vnis_exhausted, subnet_overlap, mtu_too_large, and those of checkNetworkSpec. */
export async function createNetwork(
  context: RegistryContext,
  spec: NetworkSpec,
): Promise<{ network: NetworkRecord; revision: number }> {
  checkNetworkSpec(spec)
  const id = randomHex(context.random, 64)
  const created = timestamp(context.clock)
  const decided = await context.decisions.run([ABOUT_NETWORKS], () => decideNetwork(context.store, spec, id, created))
  return { network: decided.result, revision: decided.revision }
}

function decideNetwork(store: Store, spec: NetworkSpec, id: string, created: string): Decision<NetworkRecord> {
  const { kvPrefix } = clusterRecord(store)
  const nameKey = keys.networkNameKey(DEFAULT_TENANT, spec.name)
  if (store.get(nameKey)) throw networkNameTaken(spec.name)
  const { value: cursor = NEW_NETWORKS_CURSOR, modRevision } = readVersioned<NetworksCursor>(
    store,
    keys.NETWORKS_CURSOR_KEY,
  )
  if (cursor.count >= NETWORKS_MAX) throw tooManyNetworks()
  const nodes = [...recordsBelow<NodeRecord>(store, keys.NODES_PREFIX)]
  checkMtuFits(spec.mtu, nodes)
  const { addresses, number } = chooseSubnets(store, spec, cursor, nodes)
  checkEgressClash(spec, addresses.subnets, nodes)
  const { vni, last } = chooseVni(store, spec, cursor)
  const network: NetworkRecord = {
    id,
    name: spec.name,
    tenant: DEFAULT_TENANT,
    vni,
    ...addresses,
    mtu: spec.mtu ?? 0,
    internal: spec.internal ?? false,
    secure: false,
    multicast: spec.multicast ?? false,
    ...(spec.allowSpoof ? { allowSpoof: true } : {}),
    labels: spec.labels ?? {},
    created,
  }
  return {
    compare: [
      { key: nameKey, exists: false },
      { key: keys.vniKey(vni), exists: false },
      { key: keys.NETWORKS_CURSOR_KEY, modRevision },
    ],
    operations: [
      put(keys.networkKey(id), network),
      put(nameKey, id),
      put(keys.vniKey(vni), id),
      put(keys.addressCursorKey(id), NEW_CURSOR),
      put(keys.NETWORKS_CURSOR_KEY, { vni: last, subnet: number, count: cursor.count + 1 }),
      { op: "put", key: keys.recordKey(kvPrefix, id), value: dockerRecordValue(network), flags: DOCKER_RECORD_FLAGS },
    ],
    result: network,
  }
}

/** The subnets asked for, or the next of the default pool that no network has, no VTEP and no egress bridge lies in. */
function chooseSubnets(
  store: Store,
  spec: NetworkSpec,
  cursor: NetworksCursor,
  nodes: NodeRecord[],
): { addresses: AskedSubnets; number: number | null } {
  const asked = askedSubnets(spec)
  if (asked) return { addresses: asked, number: cursor.subnet }
  const used: Cidr[] = []
  for (const network of recordsBelow<NetworkRecord>(store, keys.NETWORKS_PREFIX)) {
    for (const { subnet } of network.subnets) if (familyOf(subnet) === 4) used.push(parseCidr(subnet))
  }
  for (const node of nodes) if (node.egressSubnet) used.push(parseCidr(node.egressSubnet))
  const underlay = nodes.map((node) => parseIpv4(node.address)).filter((address) => address !== null)
  const { subnet, number } = nextDefaultSubnet(cursor.subnet, used, underlay)
  const text = formatCidr(subnet)
  const gateway = chooseGateway(parseSubnet(text), undefined)
  return { addresses: { subnets: [{ subnet: text, gateway }], ipRange: null }, number }
}

/**
 * The VNI asked for, or the next one. One that was asked for moves the cursor on when it was just the next: it would
 * otherwise be given again right after its network is gone.
 */
function chooseVni(store: Store, spec: NetworkSpec, cursor: NetworksCursor): { vni: number; last: number | null } {
  const isTaken = (vni: number) => store.get(keys.vniKey(vni)) !== undefined
  const next = nextVni(cursor.vni, isTaken)
  if (spec.vni !== undefined) {
    if (isTaken(spec.vni)) throw vniTaken(store, spec.vni)
    return { vni: spec.vni, last: spec.vni === next ? next : cursor.vni }
  }
  if (next !== null) return { vni: next, last: next }
  throw new OvlError("vnis_exhausted", "no free VNI", { kind: "conflict", hint: "remove networks that are not used" })
}

/**
 * Errors: network_not_found; network_in_use (conflict) unless `force`. With `force` its endpoints go in the same commit;
 * of a network with very many, all but the last ENDPOINTS_PER_CALL_MAX go in commits before it.
 */
export async function removeNetwork(
  context: RegistryContext,
  id: string,
  options: { force: boolean },
): Promise<{ revision: number }> {
  for (;;) {
    const about = [ABOUT_NETWORKS, aboutNetwork(id)]
    const decided = await context.decisions.run(about, () => decideRemoval(context.store, id, options.force))
    if (decided.result === "removed") return { revision: decided.revision }
  }
}

function decideRemoval(store: Store, id: string, force: boolean): Decision<"removed" | "more"> {
  const { value: network, modRevision } = readVersioned<NetworkRecord>(store, keys.networkKey(id))
  if (!network) throw networkNotFound(id)
  const page = store.range(keys.addressesPrefix(id), { limit: ENDPOINTS_PER_CALL_MAX })
  // An endpoint has an address of each family that the network has.
  const ids = new Set(page.entries.map((entry) => decode<string>(entry)))
  const endpoints = [...ids].map((endpointId) => endpointRecord(store, endpointId))
  if (endpoints.length > 0 && !force) throw networkInUse(store, network, endpoints, page.more)
  const emptied = removal(store, endpoints, page.more ? [] : [id])
  const compare: Compare[] = [{ key: keys.networkKey(id), modRevision }, ...emptied.compare]
  if (page.more) return { compare, operations: emptied.operations, result: "more" }
  const gone = networkRemoval(store, network)
  return {
    compare: [...compare, ...gone.compare],
    operations: [...emptied.operations, ...gone.operations],
    result: "removed",
  }
}

/** The network without endpoints. Its address cursor is compared: every endpoint created meanwhile has changed it. */
function networkRemoval(store: Store, network: NetworkRecord): { compare: Compare[]; operations: Operation[] } {
  const { kvPrefix } = clusterRecord(store)
  const addresses = readVersioned(store, keys.addressCursorKey(network.id))
  const networks = readVersioned<NetworksCursor>(store, keys.NETWORKS_CURSOR_KEY)
  const cursor = networks.value ?? NEW_NETWORKS_CURSOR
  return {
    compare: [
      { key: keys.addressCursorKey(network.id), modRevision: addresses.modRevision },
      { key: keys.NETWORKS_CURSOR_KEY, modRevision: networks.modRevision },
    ],
    operations: [
      remove(keys.networkKey(network.id)),
      remove(keys.networkNameKey(network.tenant, network.name)),
      remove(keys.vniKey(network.vni)),
      remove(keys.addressCursorKey(network.id)),
      put(keys.NETWORKS_CURSOR_KEY, { ...cursor, count: cursor.count - 1 }),
      remove(keys.recordKey(kvPrefix, network.id)),
    ],
  }
}

/** `known` are the names that may have been meant. */
export function networkNotFound(reference: string, known: Iterable<string> = []): OvlError {
  return new OvlError("network_not_found", `network ${reference}: not found`, {
    kind: "not_found",
    hint: nameHint(reference, known, "ovl network ls"),
  })
}

function networkNameTaken(name: string): OvlError {
  return new OvlError("network_name_taken", `network ${name}: the name is taken`, {
    kind: "conflict",
    hint: "names are unique without regard to case; choose another, or see ovl network ls",
  })
}

function tooManyNetworks(): OvlError {
  return new OvlError("networks_exhausted", `there are ${NETWORKS_MAX} networks already`, {
    kind: "conflict",
    hint: "remove networks that are not used",
  })
}

function vniTaken(store: Store, vni: number): OvlError {
  const owner = read<NetworkRecord>(store, keys.networkKey(read<string>(store, keys.vniKey(vni)) ?? ""))
  return new OvlError("vni_taken", `VNI ${vni}: in use by network ${owner?.name ?? "?"}`, {
    kind: "conflict",
    hint: "leave --vni out to get the next free one",
  })
}

/** How many of the endpoints in the way are named. */
const NAMED_MAX = 3

function networkInUse(store: Store, network: NetworkRecord, endpoints: EndpointRecord[], more: boolean): OvlError {
  const named = endpoints.slice(0, NAMED_MAX).map((endpoint) => {
    const node = read<NodeRecord>(store, keys.nodeKey(endpoint.nodeId))
    return `${endpoint.name} on ${node?.name ?? endpoint.nodeId}`
  })
  const others = endpoints.length > NAMED_MAX || more ? ", ..." : ""
  return new OvlError("network_in_use", `network ${network.name}: has endpoints: ${named.join(", ")}${others}`, {
    kind: "conflict",
    hint: "stop or detach them first, or remove the network with --force",
  })
}
