/**
 * The filter "VXLAN only from members" as a tree of chains. One rule a member would cost every packet of a large
 * cluster hundreds of comparisons; divided by prefix, a packet passes a few dozen at most.
 */
import { VXLAN_FILTER_LEAF_MAX } from "../../base/limits.ts"
import { formatIpv4, networkOf, parseIpv4 } from "../../model/cidr.ts"
import type { Family } from "./rules.ts"

const ROOT = "OVL-VXLAN"
/** Each level divides by three more bits: at most eight ways. */
const LEVEL_BITS = 3

/** The chains, by name; OVL-VXLAN is where they begin. A member returns, everything else is dropped. */
export function memberChains(members: readonly string[], family: Family): Map<string, string[]> {
  const chains = new Map<string, string[]>()
  if (family === 6) {
    chains.set(ROOT, leaf([...members].sort().map((member) => `${member}/128`)))
    return chains
  }
  const addresses = members.map(parseIpv4).filter((address) => address !== null)
  divide(
    ROOT,
    [...new Set(addresses)].sort((a, b) => a - b),
    chains,
  )
  return chains
}

function leaf(sources: string[]): string[] {
  return [...sources.map((source) => `-s ${source} -j RETURN`), "-j DROP"]
}

/** `addresses` are sorted and different. A `goto`, unlike a jump, makes RETURN leave the tree. */
function divide(name: string, addresses: number[], chains: Map<string, string[]>): void {
  if (addresses.length <= VXLAN_FILTER_LEAF_MAX) {
    chains.set(name, leaf(addresses.map((address) => `${formatIpv4(address)}/32`)))
    return
  }
  const prefix = Math.min(32, commonPrefix(addresses[0]!, addresses.at(-1)!) + LEVEL_BITS)
  const groups = new Map<number, number[]>()
  for (const address of addresses) {
    const network = networkOf(address, prefix)
    const group = groups.get(network)
    if (group) group.push(address)
    else groups.set(network, [address])
  }
  const rules: string[] = []
  chains.set(name, rules)
  for (const [network, group] of groups) {
    const child = `${ROOT}-${chains.size}`
    rules.push(`-s ${formatIpv4(network)}/${prefix} -g ${child}`)
    divide(child, group, chains)
  }
  rules.push("-j DROP")
}

function commonPrefix(a: number, b: number): number {
  return Math.clz32((a ^ b) >>> 0)
}
