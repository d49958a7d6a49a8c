/**
 * Where everything lies in the store. Below `ovl/` are our own records and the indexes that make a name, an address or a
 * VNI unique; below `kv/` is what the Consul-compatible API shows, with Docker's record of each network among it. Nothing
 * secret may ever lie below `kv/`.
 */
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { foldName } from "../model/names.ts"
import type { PortMapping } from "../model/port-mapping.ts"
import { dockerRecordKey, dockerRecordsPrefix } from "../model/record.ts"

export const OVL_PREFIX = "ovl/"
export const KV_PREFIX = "kv/"

export const CLUSTER_KEY = "ovl/cluster"
/** The cluster authority's certificate and private key. */
export const AUTHORITY_KEY = "ovl/authority"
/** Which VNI and which default subnet were given last, and how many networks there are. */
export const NETWORKS_CURSOR_KEY = "ovl/cursors/networks"

export const NETWORKS_PREFIX = "ovl/networks/"
export const ENDPOINTS_PREFIX = "ovl/endpoints/"
export const NODES_PREFIX = "ovl/nodes/"
export const ALIVE_PREFIX = "ovl/alive/"
export const TOKENS_PREFIX = "ovl/tokens/"

export const networkKey = (id: string): string => `${NETWORKS_PREFIX}${id}`
export const networkNameKey = (tenant: string, name: string): string => `ovl/network-names/${tenant}/${foldName(name)}`
export const vniKey = (vni: number): string => `ovl/vnis/${vni}`
export const addressCursorKey = (networkId: string): string => `ovl/cursors/addresses/${networkId}`
export const addressesPrefix = (networkId: string): string => `ovl/addresses/${networkId}/`
/** `address` is canonical text, without a prefix length. */
export const addressKey = (networkId: string, address: string): string => `${addressesPrefix(networkId)}${address}`
/** Only MACs that do not follow from an IPv4 address are listed: the others are as unique as the address is. */
export const macsPrefix = (networkId: string): string => `ovl/macs/${networkId}/`
export const macKey = (networkId: string, mac: string): string => `${macsPrefix(networkId)}${mac}`

export const endpointKey = (id: string): string => `${ENDPOINTS_PREFIX}${id}`
/** One record for a workload's name: which node it lives on and which endpoints it has. */
export const workloadKey = (tenant: string, name: string): string => `ovl/endpoint-names/${tenant}/${foldName(name)}`
export const nodeEndpointsPrefix = (nodeId: string): string => `ovl/node-endpoints/${nodeId}/`
export const nodeEndpointKey = (nodeId: string, endpointId: string): string =>
  `${nodeEndpointsPrefix(nodeId)}${endpointId}`

/** Published ports of a node: one key a mapping, as `tcp/127.0.0.1:8080/<endpoint>`; its value is the mapping. */
export const portsPrefix = (nodeId: string): string => `ovl/ports/${nodeId}/`
export const portKey = (nodeId: string, mapping: PortMapping, endpointId: string): string =>
  `${portsPrefix(nodeId)}${mapping.protocol}/${mapping.address ?? "*"}:${mapping.hostPort}/${endpointId}`

export const nodeKey = (id: string): string => `${NODES_PREFIX}${id}`
export const nodeNameKey = (name: string): string => `ovl/node-names/${foldName(name)}`
export const nodeAddressKey = (address: string): string => `ovl/node-addresses/${address.toLowerCase()}`
export const aliveKey = (nodeId: string): string => `${ALIVE_PREFIX}${nodeId}`
export const tokenKey = (id: string): string => `${TOKENS_PREFIX}${id}`

const NODE_LEASE_PREFIX = "ovl-node-"

export function nodeLease(nodeId: string): string {
  return `${NODE_LEASE_PREFIX}${nodeId}`
}

/** Where a key of the Consul-compatible API lies in the store. */
export function kvKey(key: string): string {
  return `${KV_PREFIX}${key}`
}

/** Where a network's record in Docker's form lies in the store. */
export function recordKey(kvPrefix: string, networkId: string): string {
  return kvKey(dockerRecordKey(kvPrefix, networkId))
}

/** Consul keys with this beginning are written by ovl alone: INTERFACE section 6. `prefix` is the cluster's `--kv-prefix`. */
export function protectedPrefix(prefix: string): string {
  return dockerRecordsPrefix(prefix)
}

/** Whether a Consul key may only be read, and whether a recursive delete of it is refused: it names or lies inside what is ours. */
export function isProtectedKey(prefix: string, key: string): boolean {
  return key.startsWith(protectedPrefix(prefix))
}

const KV_PREFIX_PATTERN = /^[a-zA-Z0-9_.-]+(\/[a-zA-Z0-9_.-]+)*$/

/** Errors: `kv_prefix_invalid` (usage). */
export function checkKvPrefix(prefix: string): string {
  if (prefix.length <= 255 && KV_PREFIX_PATTERN.test(prefix)) return prefix
  throw new OvlError("kv_prefix_invalid", `KV prefix ${JSON.stringify(prefix)}: malformed`, {
    kind: "usage",
    hint: "letters, digits, '_', '.', '-', in parts divided by '/', as in ovl or lab/one",
  })
}

/** The last part of a key below `prefix`: an id. */
export function idOf(key: string, prefix: string): string {
  assert(key.startsWith(prefix), `${key} is not below ${prefix}`)
  return key.slice(prefix.length)
}
