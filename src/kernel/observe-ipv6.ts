/** Reads what decides about egress by IPv6: whether the host has it, and who on it listens to routers. */
import { readdirSync } from "node:fs"
import { EGRESS_BRIDGE_NAME, type Ipv6Facts } from "../model/dataplane.ts"
import { link, type NetlinkSocket, route } from "../netlink/index.ts"
import { isErrno } from "../linux/errno.ts"
import { hasIptables, hasNat } from "./firewall/iptables.ts"
import { readSysctl } from "./sysctl.ts"

const OFF_KEY = "net.ipv6.conf.all.disable_ipv6"
/** The kernel's own names for all devices and for new ones; the rest of the directory are devices. */
const NOT_DEVICES = ["all", "default", "lo", EGRESS_BRIDGE_NAME]

/** There may be a thousand of them: told by name alone (`egressDevice`). */
const EGRESS_PORT = /^ovl[0-9a-f]{12}$/

/** Of the namespace that this thread is in, which is that of the socket. */
export function readIpv6Facts(socket: NetlinkSocket): Ipv6Facts {
  const missing = whyNone()
  const found = missing === null ? route.list(socket, { family: 6 }).filter(({ type }) => type === "unicast") : []
  const indexes = [...new Set(found.map(({ index }) => index))]
  const names = new Map(
    indexes.map((index) => [index, index === null ? null : (link.get(socket, index)?.name ?? null)]),
  )
  return {
    missing,
    routes: found.map(({ dst, via, index }) => ({ dst, via, device: names.get(index) ?? null })),
    forwarding: readSysctl("net.ipv6.conf.all.forwarding") === "1",
    listening: devices().filter(listens),
    bridgesFiltered: readSysctl("net.bridge.bridge-nf-call-ip6tables") === "1",
  }
}

function whyNone(): string | null {
  const off = readSysctl(OFF_KEY)
  if (off === null) return "this kernel has no IPv6"
  if (off !== "0") return `IPv6 is switched off on this host (${OFF_KEY}=${off})`
  if (!hasIptables(6)) return "ip6tables is not installed"
  return hasNat(6) ? null : "ip6tables has no table nat here"
}

function devices(): string[] {
  try {
    const names = readdirSync("/proc/sys/net/ipv6/conf")
    return names.filter((name) => !NOT_DEVICES.includes(name) && !EGRESS_PORT.test(name)).sort()
  } catch (error) {
    if (isErrno(error, "ENOENT")) return []
    throw error
  }
}

/** 1: unless the host forwards. 2 is even then. */
function listens(device: string): boolean {
  const key = `net.ipv6.conf.${device.replaceAll(".", "/")}`
  return readSysctl(`${key}.accept_ra`) === "1" && readSysctl(`${key}.disable_ipv6`) === "0"
}
