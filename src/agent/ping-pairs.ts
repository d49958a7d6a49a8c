/** Who pings whom: from names that a person gave to endpoints and addresses, and what is wrong with the names. */
import { OvlError } from "../base/errors.ts"
import { PING_PAIRS_MAX } from "../base/limits.ts"
import { bareIp, canonicalIp, type Family, familyOf, holds, parseIp, parseSubnet } from "../model/address.ts"
import type { Catalog } from "../model/catalog.ts"
import { addressesOf, type EndpointRecord } from "../model/endpoint.ts"
import { foldName } from "../model/names.ts"
import type { PingPairView, PingRequest } from "../model/ping.ts"
import { endpointNotFound } from "../registry/endpoints.ts"
import { networkNotFound } from "../registry/networks.ts"

export interface PingPair {
  source: EndpointRecord
  to: string
  /** It goes by the source's interface on the network, whatever the workload's routes say. */
  onLink: boolean
  /** What is known of it before anything is sent. */
  sides: PingPairView
}

/**
 * Errors: endpoint_not_found, network_not_found, no_shared_network (conflict), family_missing (invalid).
 */
export function pairOf(catalog: Catalog, request: PingRequest): PingPair {
  const { network, family } = request
  const networkId = network === undefined ? null : networkIdOf(catalog, network)
  const sources = ofNetwork(endpointsNamed(catalog, request.from), networkId)
  if (sources.length === 0) {
    if (networkId !== null && endpointsNamed(catalog, request.from).length > 0)
      throw notOn(catalog, request.from, networkId)
    throw unknown(catalog, request.from)
  }
  const targets = endpointsNamed(catalog, request.to)
  if (targets.length === 0) {
    const address = canonicalIp(request.to)
    if (address === null) throw unknown(catalog, request.to)
    return pairToAddress(catalog, sources, address, family)
  }
  for (const source of sources) {
    const target = targets.find((each) => each.networkId === source.networkId)
    if (target) return pairBetween(catalog, source, target, family ?? null)
  }
  if (networkId !== null) throw notOn(catalog, request.to, networkId)
  throw noSharedNetwork(catalog, request, sources, targets)
}

/** Each with each other one, both ways, by name. Errors: network_not_found, pairs_too_many, family_missing (invalid). */
export function pairsOf(catalog: Catalog, networkId: string, family: Family | null): PingPair[] {
  const endpoints = [...catalog.endpointsOf(networkId)].sort((a, b) => (a.name < b.name ? -1 : 1))
  const pairs = endpoints.length * (endpoints.length - 1)
  if (pairs > PING_PAIRS_MAX)
    throw new OvlError(
      "pairs_too_many",
      `ping all pairs: ${endpoints.length} endpoints make ${pairs} pairs: at most ${PING_PAIRS_MAX} are pinged at once`,
      { kind: "invalid", hint: "ping single pairs: ovl ping NAME NAME" },
    )
  return endpoints.flatMap((source) =>
    endpoints.filter((target) => target.id !== source.id).map((target) => pairBetween(catalog, source, target, family)),
  )
}

/** By workload: its endpoints, in the order in which it got them; by an endpoint's own name or id: that one. */
function endpointsNamed(catalog: Catalog, reference: string): EndpointRecord[] {
  const ofWorkload = [...catalog.endpointsOfWorkload(reference)]
  if (ofWorkload.length > 0) return ofWorkload.sort((a, b) => (isFirst(a) !== isFirst(b) ? (isFirst(a) ? -1 : 1) : 0))
  const one = catalog.findEndpoint(reference)
  return one ? [one] : []
}

function isFirst({ name, workload }: EndpointRecord): boolean {
  return foldName(name) === foldName(workload)
}

function ofNetwork(endpoints: EndpointRecord[], networkId: string | null): EndpointRecord[] {
  return networkId === null ? endpoints : endpoints.filter((each) => each.networkId === networkId)
}

function networkIdOf(catalog: Catalog, reference: string): string {
  const network = catalog.findNetwork(reference)
  if (!network) throw networkNotFound(reference, catalog.namesOf("networks"))
  return network.id
}

function pairBetween(
  catalog: Catalog,
  source: EndpointRecord,
  target: EndpointRecord,
  family: Family | null,
): PingPair {
  const common = ([4, 6] as const).filter(
    (each) => addressOf(source, each) !== null && addressOf(target, each) !== null,
  )
  const chosen = family ?? common[0] ?? 4
  if (!common.includes(chosen))
    throw familyMissing(addressOf(source, chosen) === null ? source.name : target.name, chosen)
  const to = addressOf(target, chosen)!
  return {
    source,
    to,
    onLink: true,
    sides: {
      network: networkName(catalog, source.networkId),
      from: { name: source.name, node: nodeName(catalog, source.nodeId), ip: addressOf(source, chosen)! },
      to: { name: target.name, node: nodeName(catalog, target.nodeId), ip: to },
    },
  }
}

/** An address of a network that the workload is on is looked for there; any other one where its routes lead. */
function pairToAddress(
  catalog: Catalog,
  sources: readonly EndpointRecord[],
  address: string,
  family: Family | undefined,
): PingPair {
  const ip = parseIp(address)!
  if (family !== undefined && family !== ip.family) throw familyMissing(address, family)
  const near = sources.find(({ networkId }) =>
    catalog.networks.get(networkId)?.subnets.some(({ subnet }) => holds(parseSubnet(subnet), ip)),
  )
  const source = near ?? sources[0]!
  const owner = near && [...catalog.endpointsOf(near.networkId)].find((each) => addressOf(each, ip.family) === address)
  return {
    source,
    to: address,
    onLink: near !== undefined,
    sides: {
      network: near ? networkName(catalog, near.networkId) : null,
      from: {
        name: source.name,
        node: nodeName(catalog, source.nodeId),
        ip: addressOf(source, ip.family) ?? bareIp(source.ip),
      },
      to: { name: owner?.name ?? null, node: owner ? nodeName(catalog, owner.nodeId) : null, ip: address },
    },
  }
}

function addressOf(endpoint: EndpointRecord, family: Family): string | null {
  const found = addressesOf(endpoint).find((each) => familyOf(each) === family)
  return found === undefined ? null : bareIp(found)
}

function networkName(catalog: Catalog, id: string): string {
  return catalog.networks.get(id)?.name ?? id
}

function nodeName(catalog: Catalog, id: string): string {
  return catalog.nodes.get(id)?.name ?? id
}

function familyMissing(whose: string, family: Family): OvlError {
  return new OvlError("family_missing", `ping: ${whose} has no IPv${family} address there`, {
    kind: "invalid",
    hint: `leave out -${family}, or give the network a subnet of IPv${family} when it is made`,
  })
}

function unknown(catalog: Catalog, reference: string): OvlError {
  return endpointNotFound(reference, catalog.namesOf("endpoints"))
}

function notOn(catalog: Catalog, name: string, networkId: string): OvlError {
  const network = networkName(catalog, networkId)
  return new OvlError("endpoint_not_found", `endpoint ${name}: not on network ${network}`, {
    kind: "not_found",
    hint: `ovl endpoint ls --network ${network} shows who is`,
  })
}

function noSharedNetwork(
  catalog: Catalog,
  { from, to }: PingRequest,
  sources: readonly EndpointRecord[],
  targets: readonly EndpointRecord[],
): OvlError {
  const on = (endpoints: readonly EndpointRecord[]) =>
    endpoints.map((e) => networkName(catalog, e.networkId)).join(", ")
  return new OvlError(
    "no_shared_network",
    `cannot ping ${to} from ${from}: they share no network: ${from} is on ${on(sources)}, ${to} on ${on(targets)}`,
    {
      kind: "conflict",
      hint: `networks are isolated from each other; \`ovl network connect\` puts a workload on one more`,
    },
  )
}
