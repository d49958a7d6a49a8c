/**
 * What has to go from the store with an endpoint: its address and MAC, its place in the lists of its node and of its
 * workload's name. Networks, nodes and endpoints all remove endpoints, and all do it by this.
 */
import { assert } from "../base/assert.ts"
import { ipv4OfMac } from "../model/mac.ts"
import { bareIp } from "../model/address.ts"
import { parseIpv4 } from "../model/cidr.ts"
import { addressesOf, type EndpointRecord } from "../model/endpoint.ts"
import { addressPools, cursorOf, type NetworkCursor, poolFor, release, withCursor } from "../model/ipam.ts"
import { DEFAULT_TENANT, foldName } from "../model/names.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { put, read, readVersioned, remove } from "./codec.ts"
import * as keys from "./keys.ts"

/** Who owns a workload's name, and the endpoints that go by it. Gone with the last of them. */
export interface WorkloadName {
  nodeId: string
  endpointIds: string[]
}

export interface Changes {
  compare: Compare[]
  operations: Operation[]
}

/** An endpoint that an index speaks of. That it exists is an invariant of the store. */
export function endpointRecord(store: Store, id: string): EndpointRecord {
  const endpoint = read<EndpointRecord>(store, keys.endpointKey(id))
  assert(endpoint, `endpoint ${id} is in an index and has no record`)
  return endpoint
}

/** Whether an endpoint's MAC is listed because it does not follow from its IPv4 address. */
export function hasListedMac({ ip, mac }: Pick<EndpointRecord, "ip" | "mac">): boolean {
  const own = parseIpv4(bareIp(ip))
  return own === null || ipv4OfMac(mac) !== own
}

/** Removes these endpoints, all of which exist. The cursors of `doomedNetworks` are left to whoever removes those. */
export function removal(store: Store, endpoints: EndpointRecord[], doomedNetworks: string[] = []): Changes {
  const changes: Changes = { compare: [], operations: [] }
  for (const endpoint of endpoints) {
    changes.compare.push({ key: keys.endpointKey(endpoint.id), exists: true })
    changes.operations.push(
      remove(keys.endpointKey(endpoint.id)),
      ...addressesOf(endpoint).map((address) => remove(keys.addressKey(endpoint.networkId, bareIp(address)))),
      remove(keys.nodeEndpointKey(endpoint.nodeId, endpoint.id)),
      ...(endpoint.ports ?? []).map((mapping) => remove(keys.portKey(endpoint.nodeId, mapping, endpoint.id))),
    )
    if (hasListedMac(endpoint)) changes.operations.push(remove(keys.macKey(endpoint.networkId, endpoint.mac)))
  }
  const byNetwork = Map.groupBy(endpoints, (endpoint) => endpoint.networkId)
  for (const id of doomedNetworks) byNetwork.delete(id)
  for (const [networkId, group] of byNetwork) releaseAddresses(store, networkId, group, changes)
  const byWorkload = Map.groupBy(endpoints, (endpoint) => foldName(endpoint.workload))
  for (const [workload, group] of byWorkload) releaseName(store, workload, group, changes)
  return changes
}

function releaseAddresses(store: Store, networkId: string, endpoints: EndpointRecord[], changes: Changes): void {
  const network = read<NetworkRecord>(store, keys.networkKey(networkId))
  const key = keys.addressCursorKey(networkId)
  const { value, modRevision } = readVersioned<NetworkCursor>(store, key)
  assert(network && value, `network ${networkId} has endpoints and no record`)
  const pools = addressPools(network)
  const cursor = endpoints.flatMap(addressesOf).reduce((before, withPrefix) => {
    const address = bareIp(withPrefix)
    const pool = poolFor(pools, address)
    assert(pool, `address ${address} is in no subnet of network ${networkId}`)
    return withCursor(before, pool, release(pool, cursorOf(before, pool), address))
  }, value)
  changes.compare.push({ key, modRevision })
  changes.operations.push(put(key, cursor))
}

function releaseName(store: Store, workload: string, endpoints: EndpointRecord[], changes: Changes): void {
  const key = keys.workloadKey(DEFAULT_TENANT, workload)
  const { value, modRevision } = readVersioned<WorkloadName>(store, key)
  assert(value, `workload ${workload} has endpoints and no name`)
  const gone = new Set(endpoints.map((endpoint) => endpoint.id))
  const endpointIds = value.endpointIds.filter((id) => !gone.has(id))
  changes.compare.push({ key, modRevision })
  changes.operations.push(endpointIds.length === 0 ? remove(key) : put(key, { ...value, endpointIds }))
}
