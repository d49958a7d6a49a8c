/** Whether the store's indexes say what its records say: no more, no less. */
import { bareIp, holds, parseIp } from "../../src/model/address.ts"
import { parseIpv4 } from "../../src/model/cidr.ts"
import { addressesOf, type EndpointRecord } from "../../src/model/endpoint.ts"
import { addressPools, cursorOf, type NetworkCursor, NEW_CURSOR, withCursor } from "../../src/model/ipam.ts"
import { macOfIpv4 } from "../../src/model/mac.ts"
import type { NetworkRecord } from "../../src/model/network.ts"
import type { NodeRecord } from "../../src/model/node.ts"
import { dockerRecordValue } from "../../src/model/record.ts"
import type { Store } from "../../src/store/port.ts"

const text = (value: Uint8Array) => new TextDecoder().decode(value)

/** The whole store as text that should follow from its records of networks, endpoints and nodes. Empty when it does. */
export function inconsistencies(store: Store): string[] {
  const actual = new Map(store.range("").entries.map((entry) => [entry.key, text(entry.value)]))
  const below = <T>(prefix: string): T[] =>
    [...actual].filter(([key]) => key.startsWith(prefix)).map(([, value]) => JSON.parse(value) as T)
  const networks = below<NetworkRecord>("ovl/networks/")
  const endpoints = below<EndpointRecord>("ovl/endpoints/")
  const nodes = below<NodeRecord>("ovl/nodes/")
  const expected = new Map<string, string>()
  for (const network of networks) expectNetwork(expected, network, endpoints, actual)
  for (const endpoint of endpoints) expectEndpoint(expected, endpoint)
  for (const node of nodes) expectNode(expected, node)
  expectWorkloads(expected, endpoints, actual)
  const found: string[] = []
  for (const { name, networkId, nodeId } of endpoints) {
    if (!networks.some((network) => network.id === networkId)) found.push(`endpoint ${name} is on no network`)
    if (!nodes.some((node) => node.id === nodeId)) found.push(`endpoint ${name} is on no node`)
  }
  for (const [key, value] of expected) {
    if (actual.get(key) !== value) found.push(`${key} should be ${value}, is ${actual.get(key)}`)
  }
  const indexes =
    /^(ovl\/(network-names|vnis|addresses|macs|endpoint-names|node-endpoints|node-names|node-addresses|cursors\/addresses)\/|kv\/swarm\/docker\/network\/)/
  for (const key of actual.keys()) if (indexes.test(key) && !expected.has(key)) found.push(`${key} should not be`)
  const count = actual.get("ovl/cursors/networks")
  if (count !== undefined && JSON.parse(count).count !== networks.length) found.push(`${count} networks are counted`)
  return found
}

function expectNetwork(
  expected: Map<string, string>,
  network: NetworkRecord,
  endpoints: EndpointRecord[],
  actual: Map<string, string>,
): void {
  expected.set(`ovl/network-names/default/${network.name.toLowerCase()}`, JSON.stringify(network.id))
  expected.set(`ovl/vnis/${network.vni}`, JSON.stringify(network.id))
  expected.set(`kv/swarm/docker/network/v1.0/overlay/network/${network.id}/`, text(dockerRecordValue(network)))
  const addresses = endpoints
    .filter((e) => e.networkId === network.id)
    .flatMap(addressesOf)
    .map(bareIp)
  const key = `ovl/cursors/addresses/${network.id}`
  let cursor = JSON.parse(actual.get(key) ?? "{}") as NetworkCursor
  for (const pool of addressPools(network)) {
    const { interval, origin } = pool
    const kept = cursorOf(cursor, pool)
    // Not begun: nothing is written down of it.
    if (kept === NEW_CURSOR) continue
    const own = addresses
      .map((address) => parseIp(address)!)
      .filter((ip) => holds(pool.subnet, ip))
      .map(({ value }) => Number(value - origin))
    const inside = (place: number) => place >= interval.first && place <= interval.last
    const freed = [...new Set(kept.freed?.filter((place) => !own.includes(place) && inside(place)))]
    cursor = withCursor(cursor, pool, { ...kept, taken: own.filter(inside).length, freed })
  }
  expected.set(key, JSON.stringify(cursor))
}

function expectEndpoint(expected: Map<string, string>, endpoint: EndpointRecord): void {
  const id = JSON.stringify(endpoint.id)
  for (const address of addressesOf(endpoint)) {
    expected.set(`ovl/addresses/${endpoint.networkId}/${bareIp(address)}`, id)
  }
  expected.set(`ovl/node-endpoints/${endpoint.nodeId}/${endpoint.id}`, id)
  const ipv4 = parseIpv4(bareIp(endpoint.ip))
  const listed = ipv4 === null || endpoint.mac !== macOfIpv4(ipv4)
  if (listed) expected.set(`ovl/macs/${endpoint.networkId}/${endpoint.mac}`, id)
}

/** The order of a workload's endpoints is of no account. */
function expectWorkloads(
  expected: Map<string, string>,
  endpoints: EndpointRecord[],
  actual: Map<string, string>,
): void {
  for (const [name, group] of Map.groupBy(endpoints, (endpoint) => endpoint.workload.toLowerCase())) {
    const key = `ovl/endpoint-names/default/${name}`
    const listed = (JSON.parse(actual.get(key) ?? "{}").endpointIds ?? []) as string[]
    const ids = group.map((endpoint) => endpoint.id)
    const same = listed.length === ids.length && ids.every((id) => listed.includes(id))
    expected.set(key, JSON.stringify({ nodeId: group[0]?.nodeId, endpointIds: same ? listed : ids }))
  }
}

function expectNode(expected: Map<string, string>, node: NodeRecord): void {
  expected.set(`ovl/node-names/${node.name.toLowerCase()}`, JSON.stringify(node.id))
  if (node.state === "member") expected.set(`ovl/node-addresses/${node.address}`, JSON.stringify(node.id))
}
