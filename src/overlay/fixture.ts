/** A small cluster for tests: two nodes, a network, endpoints on both. Not part of the program. */
import { Catalog } from "../model/catalog.ts"
import { bareIp } from "../model/address.ts"
import { formatIpv4, parseIpv4 } from "../model/cidr.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { macOfIpv4, macOfIpv6 } from "../model/mac.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"

export const RED = "249690033b".padEnd(64, "0")
export const GREEN = "7ab3f1c2d4".padEnd(64, "0")
export const NODE_1 = "1".repeat(64)
export const NODE_2 = "2".repeat(64)
const CREATED = "2026-01-31T12:00:00Z"

export function nodeRecord(id: string, address: string, given: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id,
    name: `node-${id[0]}`,
    address,
    peerAddress: null,
    role: "server",
    voter: true,
    state: "member",
    version: "0",
    underlayMtu: 1500,
    bootId: "boot",
    joined: CREATED,
    ...given,
  }
}

export function networkRecord(id: string, vni: number, given: Partial<NetworkRecord> = {}): NetworkRecord {
  return {
    id,
    name: `net-${vni}`,
    tenant: "default",
    vni,
    subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }],
    ipRange: null,
    mtu: 0,
    internal: false,
    secure: false,
    multicast: false,
    labels: {},
    created: CREATED,
    ...given,
  }
}

/** `number` makes its id; the MAC follows from the address, as it does in the cluster. */
export function endpointRecord(
  number: number,
  networkId: string,
  nodeId: string,
  ip: string,
  given: Partial<EndpointRecord> = {},
): EndpointRecord {
  return {
    id: number.toString(16).padStart(4, "0").padEnd(12, "e").padEnd(64, "0"),
    networkId,
    nodeId,
    workload: `w${number}`,
    name: `w${number}`,
    ip,
    mac: macOf(bareIp(ip)),
    ifname: "eth0",
    netns: `/run/netns/w${number}`,
    netnsId: null,
    origin: "run",
    egress: null,
    state: "up",
    created: CREATED,
    ...given,
  }
}

function macOf(address: string): string {
  const ipv4 = parseIpv4(address)
  return ipv4 === null ? macOfIpv6(address) : macOfIpv4(ipv4)
}

export function catalogOf(parts: {
  nodes: NodeRecord[]
  networks: NetworkRecord[]
  endpoints: EndpointRecord[]
}): Catalog {
  const catalog = new Catalog()
  catalog.apply({
    revision: 1,
    snapshot: true,
    changes: [
      ...parts.nodes.map((value) => ({ type: "node" as const, id: value.id, value })),
      ...parts.networks.map((value) => ({ type: "network" as const, id: value.id, value })),
      ...parts.endpoints.map((value) => ({ type: "endpoint" as const, id: value.id, value })),
    ],
  })
  return catalog
}

/** Endpoints of the other node, one after another from an address on. */
export function manyEndpoints(count: number, networkId: string, nodeId: string, first: string): EndpointRecord[] {
  const from = parseIpv4(first) ?? 0
  return Array.from({ length: count }, (_, i) =>
    endpointRecord(0x1000 + i, networkId, nodeId, `${formatIpv4(from + i)}/16`),
  )
}
