/**
 * The cluster's members in the forms in which Consul shows them: as members of its gossip, as nodes of its catalog, as
 * servers that run the service `consul`. There is no service registry: these are all the services there are.
 */
import { PEER_PORT } from "../../base/limits.ts"
import { isIpv6 } from "../../model/cidr.ts"
import { foldName } from "../../model/names.ts"
import type { NodeRecord } from "../../model/node.ts"
import { nodeKey } from "../../registry/keys.ts"
import type { LocalNode } from "../../agent/port.ts"
import type { Store } from "../../store/port.ts"
import { SERF_HEALTH } from "./session-spec.ts"

/** The one datacenter that there is. */
export const DATACENTER = "dc1"
/** The only service there is, and the version of Consul whose API this is. */
export const CONSUL_SERVICE = "consul"
export const CONSUL_VERSION = "1.21.0"

/** Serf's numbers for what a member is. */
const ALIVE = 1
const LEFT = 3
const FAILED = 4

type Catalog = LocalNode["catalog"]

/** By name; those that have left only where they are asked for. */
export function members({ nodes }: Catalog, options: { left?: boolean } = {}): NodeRecord[] {
  return [...nodes.values()]
    .filter(({ state }) => state === "member" || options.left)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function servers(catalog: Catalog): NodeRecord[] {
  return members(catalog).filter(({ role }) => role === "server")
}

export function memberNamed(catalog: Catalog, name: string): NodeRecord | undefined {
  return members(catalog).find((record) => foldName(record.name) === foldName(name))
}

/** `ADDR:PORT`, an IPv6 address in brackets. */
export function raftAddress({ address, peerAddress }: NodeRecord): string {
  return peerAddress ?? (isIpv6(address) ? `[${address}]:${PEER_PORT}` : `${address}:${PEER_PORT}`)
}

function portOf(record: NodeRecord): number {
  const address = raftAddress(record)
  return Number(address.slice(address.lastIndexOf(":") + 1))
}

/** As in `/v1/agent/members`; Serf's own protocol numbers are those of the Consul whose API this is. */
export function memberJson(catalog: Catalog, record: NodeRecord) {
  const { id, name, address, role, version, state } = record
  const tags = {
    dc: DATACENTER,
    id,
    role: role === "server" ? "consul" : "node",
    build: version,
    port: String(portOf(record)),
  }
  return {
    Name: name,
    Addr: address,
    Port: portOf(record),
    Tags: tags,
    Status: state === "left" ? LEFT : catalog.alive.has(id) ? ALIVE : FAILED,
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  }
}

/** As in `/v1/catalog/nodes`. */
export function nodeJson(store: Store, record: NodeRecord) {
  const { id, name, address } = record
  return {
    ID: id,
    Node: name,
    Address: address,
    Datacenter: DATACENTER,
    TaggedAddresses: { lan: address, wan: address },
    Meta: {},
    ...indexes(store, id),
  }
}

/** As in `/v1/catalog/service/consul`: node and service in one. */
export function serviceOfNodeJson(store: Store, record: NodeRecord) {
  const { Meta, ...node } = nodeJson(store, record)
  return {
    ...node,
    NodeMeta: Meta,
    ServiceKind: "",
    ServiceID: CONSUL_SERVICE,
    ServiceName: CONSUL_SERVICE,
    ServiceTags: [],
    ServiceAddress: "",
    ServiceTaggedAddresses: {},
    ServiceWeights: { Passing: 1, Warning: 1 },
    ServiceMeta: {},
    ServicePort: portOf(record),
    ServiceEnableTagOverride: false,
  }
}

export function serviceJson(store: Store, record: NodeRecord) {
  return {
    ID: CONSUL_SERVICE,
    Service: CONSUL_SERVICE,
    Tags: [],
    Address: "",
    TaggedAddresses: {},
    Meta: {},
    Port: portOf(record),
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    ...indexes(store, record.id),
  }
}

/** The one check that every node has: whether it is heard from. */
export function checkJson(store: Store, catalog: Catalog, record: NodeRecord) {
  const alive = catalog.alive.has(record.id)
  return {
    Node: record.name,
    CheckID: SERF_HEALTH,
    Name: "Serf Health Status",
    Status: alive ? "passing" : "critical",
    Notes: "",
    Output: alive ? "Agent alive and reachable" : "Agent not live or unreachable",
    ServiceID: "",
    ServiceName: "",
    ServiceTags: [],
    Type: "",
    Definition: {},
    ...indexes(store, record.id),
  }
}

function indexes(store: Store, nodeId: string) {
  const entry = store.get(nodeKey(nodeId))
  return { CreateIndex: entry?.createRevision ?? 0, ModifyIndex: entry?.modRevision ?? 0 }
}
