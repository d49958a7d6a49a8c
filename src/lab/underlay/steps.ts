/**
 * The steps by which an underlay is made and changed: small values, each the equivalent of one `ip`, `bridge`, `tc` or
 * `nft` line, which `--dry-run` prints. Namespaces are called `<lab>.<host>` there, as if `ip netns` had made them.
 */
import { unreachable } from "../../base/assert.ts"
import type { Cut } from "../topology.ts"
import { bucketOf, HOST_LINK, HOST_LINK_INDEX, SWITCH_BRIDGE, SWITCH_BRIDGE_INDEX } from "./wanted.ts"

/** `ns` is a station's name, or the switch's. */
export type UnderlayStep =
  | { do: "netns-add"; ns: string }
  | { do: "lo-up"; ns: string }
  | { do: "bridge-add"; ns: string }
  | { do: "cable-add"; ns: string; station: string; index: number; mtu: number }
  | { do: "link-set"; ns: string; name: string; mtu?: number; master?: string; up?: boolean }
  | { do: "addr-add" | "addr-del"; ns: string; name: string; address: string }
  | { do: "route-replace"; ns: string; name: string; via: string }
  | { do: "rate-set"; ns: string; name: string; rateBits: number; mtu: number }
  | { do: "rate-del"; ns: string; name: string }
  | { do: "cuts-set"; ns: string; cuts: readonly Cut[] }

export const CUTS_TABLE = "ovl-lab"
export const CUTS_CHAIN = "cuts"

/** What the rule of one direction of a cut is known by. */
export function cutLine(from: string, to: string): string {
  return `iifname "${from}" oifname "${to}" drop`
}

export function renderStep(lab: string, step: UnderlayStep): string[] {
  const ns = `${lab}.${step.ns}`
  const ip = `ip -n ${ns}`
  switch (step.do) {
    case "netns-add":
      return [`ip netns add ${ns}`]
    case "lo-up":
      return [`${ip} link set lo up`]
    case "bridge-add":
      return [`${ip} link add ${SWITCH_BRIDGE} index ${SWITCH_BRIDGE_INDEX} up type bridge mcast_snooping 0`]
    case "cable-add": {
      const peer = `peer ${HOST_LINK} index ${HOST_LINK_INDEX} mtu ${step.mtu} netns ${lab}.${step.station}`
      return [`${ip} link add ${step.station} index ${step.index} mtu ${step.mtu} type veth ${peer}`]
    }
    case "link-set": {
      const mtu = step.mtu === undefined ? "" : ` mtu ${step.mtu}`
      const master = step.master === undefined ? "" : ` master ${step.master}`
      const up = step.up === undefined ? "" : step.up ? " up" : " down"
      return [`${ip} link set ${step.name}${mtu}${master}${up}`]
    }
    case "addr-add":
      return [`${ip} addr add ${step.address} dev ${step.name}`]
    case "addr-del":
      return [`${ip} addr del ${step.address} dev ${step.name}`]
    case "route-replace":
      return [`${ip} route replace default via ${step.via} dev ${step.name}`]
    case "rate-set": {
      const { burstBytes, limitBytes } = bucketOf(step.rateBits, step.mtu)
      const bucket = `rate ${step.rateBits}bit burst ${burstBytes} limit ${limitBytes}`
      return [`tc -n ${ns} qdisc replace dev ${step.name} root tbf ${bucket}`]
    }
    case "rate-del":
      return [`tc -n ${ns} qdisc del dev ${step.name} root`]
    case "cuts-set":
      return renderCuts(ns, step.cuts)
    default:
      return unreachable(step)
  }
}

function renderCuts(ns: string, cuts: readonly Cut[]): string[] {
  const nft = `ip netns exec ${ns} nft`
  const table = `bridge ${CUTS_TABLE}`
  const lines = [`${nft} 'add table ${table}; delete table ${table}'`]
  if (cuts.length === 0) return lines
  lines.push(`${nft} 'add table ${table}'`)
  lines.push(`${nft} 'add chain ${table} ${CUTS_CHAIN} { type filter hook forward priority filter; }'`)
  for (const [a, b] of cuts)
    for (const line of [cutLine(a, b), cutLine(b, a)]) lines.push(`${nft} 'add rule ${table} ${CUTS_CHAIN} ${line}'`)
  return lines
}
