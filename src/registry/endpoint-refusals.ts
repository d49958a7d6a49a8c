/** Why an endpoint cannot have the address, MAC or name that was asked for: conflicts with what the cluster holds. */
import { OvlError } from "../base/errors.ts"
import { NETWORKS_PER_WORKLOAD_MAX } from "../base/limits.ts"
import { familyOf } from "../model/address.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import { read } from "./codec.ts"
import * as keys from "./keys.ts"

/** It is in none of the network's subnets. */
export function addressMisplaced(address: string, network: NetworkRecord): OvlError {
  const own = network.subnets.map(({ subnet }) => subnet).filter((subnet) => familyOf(subnet) === familyOf(address))
  const why =
    own.length === 0
      ? `network ${network.name} has no IPv${familyOf(address)} subnet`
      : `outside the ${own.length > 1 ? "subnets" : "subnet"} ${own.join(", ")}`
  return new OvlError("address_invalid", `address ${address}: ${why}`, {
    kind: "invalid",
    hint: `choose one in ${network.subnets.map(({ subnet }) => subnet).join(" or ")}`,
  })
}

export function addressTaken(address: string, network: NetworkRecord, owner: string): OvlError {
  return new OvlError("address_taken", `address ${address}: in use by ${owner} on network ${network.name}`, {
    kind: "conflict",
    hint: "leave the address out to get the next free one",
  })
}

export function macTaken(mac: string, network: NetworkRecord, owner: string): OvlError {
  return new OvlError("mac_taken", `MAC ${mac}: in use by ${owner} on network ${network.name}`, {
    kind: "conflict",
    hint: "leave the MAC out to get one that follows from the address",
  })
}

export function nameTaken(name: string, store: Store, nodeId: string): OvlError {
  const node = read<NodeRecord>(store, keys.nodeKey(nodeId))
  return new OvlError("name_taken", `workload ${name}: the name is taken on node ${node?.name ?? nodeId}`, {
    kind: "conflict",
    hint: "names are unique in the cluster without regard to case; choose another",
  })
}

export function tooManyNetworks(workload: string): OvlError {
  const why = `is on ${NETWORKS_PER_WORKLOAD_MAX} networks already`
  return new OvlError("too_many_networks", `workload ${workload}: ${why}`, { kind: "conflict" })
}
