/** What is compared of a network's links, in the words of `ip -d link`, for the wanted side and for the observed one. */
import {
  BRIDGE_NAME,
  mark,
  type NetworkState,
  type ObservedLink,
  type ObservedNetwork,
  type PortFlags,
  VXLAN_NAME,
} from "../model/dataplane.ts"
import { VXLAN_PORT_FLAGS } from "./steps.ts"

/** In order, the same on both sides. One that is `quiet` is only worth a word where the two sides differ in it. */
export type Facts = readonly (readonly [text: string, quiet?: "quiet"])[]

/** Both sides as text: expected, found. */
export function textOf(wanted: Facts | null, found: Facts | null): [string | null, string | null] {
  const say = (own: Facts, other: Facts | null) => {
    const worthAWord = own.filter(([text, quiet], at) => !quiet || (other !== null && other[at]?.[0] !== text))
    return worthAWord.map(([text]) => text).join(" ")
  }
  return [wanted && say(wanted, found), found && say(found, wanted)]
}

export function linkFacts(link: Pick<ObservedLink, "mtu" | "mac" | "up" | "master" | "alias">): Facts {
  return [
    [`mtu ${link.mtu}`],
    [link.master === null ? "nomaster" : `master ${link.master}`],
    [link.up ? "up" : "down"],
    [`address ${link.mac}`],
    [`alias ${link.alias ?? "none"}`, "quiet"],
  ]
}

export function bridgeWanted({ networkId, mtu, bridge, ipv6 }: NetworkState): Facts {
  const link = { mtu, mac: bridge.mac, up: true, master: null, alias: mark(networkId) }
  return [...linkFacts(link), ["type bridge mcast_snooping 0"], ipv6Fact(BRIDGE_NAME, ipv6)]
}

/** That the bridge is itself a port of something is not looked at. */
export function bridgeFacts(observed: ObservedNetwork | null): Facts | null {
  const bridge = observed?.bridge
  if (!bridge) return null
  const kind = `type ${bridge.kind} mcast_snooping ${bridge.multicastSnooping ? 1 : 0}`
  return [...linkFacts({ ...bridge, master: null }), [kind], ipv6Fact(bridge.name, bridge.ipv6)]
}

export function vxlanWanted(desired: NetworkState): Facts {
  const { networkId, mtu, vxlan, vni, vtep, port, multicast, ipv6 } = desired
  const link = { mtu, mac: vxlan.mac, up: true, master: BRIDGE_NAME, alias: mark(networkId) }
  const tunnel = { kind: "vxlan", vni, local: vtep, port, learning: false, proxy: !multicast }
  return vxlanText(link, tunnel, VXLAN_PORT_FLAGS, ipv6)
}

export function vxlanFacts(observed: ObservedNetwork | null): Facts | null {
  const vxlan = observed?.vxlan
  return vxlan ? vxlanText(vxlan, vxlan, vxlan.flags, vxlan.ipv6) : null
}

interface Tunnel {
  kind: string | null
  vni: number
  local: string | null
  port: number
  learning: boolean
  proxy: boolean
}

function vxlanText(
  link: Parameters<typeof linkFacts>[0],
  { kind, vni, local, port, learning, proxy }: Tunnel,
  flags: PortFlags | null,
  ipv6: boolean,
): Facts {
  const tunnel = `type ${kind} id ${vni} local ${local ?? "any"} dstport ${port}`
  const switches = `${learning ? "learning" : "nolearning"} ${proxy ? "proxy" : "noproxy"}`
  return [...linkFacts(link), [`${tunnel} ${switches}`], ...flagFacts(flags), ipv6Fact(VXLAN_NAME, ipv6)]
}

/** What `bridge -d link` says of a port; hairpin is looked at on workloads' ports alone. */
export function flagFacts(flags: PortFlags | null): Facts {
  if (flags === null) return [["no bridge port"]]
  const word = (name: "learning" | "flood" | "isolated") => `${name} ${flags[name] ? "on" : "off"}`
  return [[`${word("learning")} ${word("flood")} ${word("isolated")}`]]
}

function ipv6Fact(device: string, on: boolean): Facts[number] {
  return [`net.ipv6.conf.${device}.disable_ipv6=${on ? 0 : 1}`, "quiet"]
}
