/**
 * What the subnets of a network mean for one port: the number in its name and index, and which subnets the workload
 * reaches by a route, as it has no address there.
 */
import { IPV6_POOL_MAX_ADDRESSES, OVERLAY_PORT_FAR_INDEX_BASE, OVERLAY_PORT_INDEX_BASE } from "../base/limits.ts"
import { bareIp, familyOf, holds, parseIp, parseSubnet, subnetSize } from "../model/address.ts"
import { parseInterfaceAddress, subnetOf } from "../model/cidr.ts"
import type { PortState } from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"

/** Those that none of the endpoint's addresses is in: it has one of each family that the network has. */
export function furtherSubnets(addresses: readonly string[], subnets: readonly string[]): readonly string[] {
  if (subnets.length <= addresses.length) return []
  return subnets.filter((subnet) => !addresses.some((address) => isOf(subnet, address)))
}

function isOf(subnet: string, address: string): boolean {
  return holds(parseSubnet(subnet), parseIp(bareIp(address))!)
}

/** An address that was asked for may lie too far out to be a name's number: then the endpoint's id stands for it. */
export function portName({ id, ip }: EndpointRecord, subnets: readonly string[]): Pick<PortState, "device" | "index"> {
  const place = placeInSubnet(ip)
  if (place <= IPV6_POOL_MAX_ADDRESSES) {
    const number = Number(place) + placesBefore(ip, subnets)
    return { device: `veth${number}`, index: OVERLAY_PORT_INDEX_BASE + number }
  }
  return { device: `veth${id.slice(0, 10)}x`, index: OVERLAY_PORT_FAR_INDEX_BASE + Number.parseInt(id.slice(0, 7), 16) }
}

/** How many places the subnets of its family have that come before its own, as far as they can be a name's number. */
function placesBefore(address: string, subnets: readonly string[]): number {
  const family = familyOf(address)
  const ofFamily = subnets.filter((subnet) => familyOf(subnet) === family)
  if (ofFamily.length < 2) return 0
  const before = ofFamily.slice(
    0,
    ofFamily.findIndex((subnet) => isOf(subnet, address)),
  )
  const sizes = before.map((subnet) => Math.min(Number(subnetSize(parseSubnet(subnet))), IPV6_POOL_MAX_ADDRESSES + 1))
  return sizes.reduce((sum, size) => sum + size, 0)
}

function placeInSubnet(address: string): bigint | number {
  if (familyOf(address) === 4) {
    const own = parseInterfaceAddress(address)
    return own.address - subnetOf(own).address
  }
  const value = parseIp(bareIp(address))?.value ?? 0n
  const hostBits = 128n - BigInt(address.split("/")[1] ?? "128")
  return value & ((1n << hostBits) - 1n)
}
