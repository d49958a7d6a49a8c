/**
 * A published port: what comes to a port of the node goes to a port of a workload there. Text as people type it
 * (`-p 127.0.0.1:8080:80/tcp`), the value that records and JSON hold, and when two of them want the same.
 */
import { z } from "zod"
import { OvlError } from "../base/errors.ts"
import { PORT_MAX, PORTS_PER_MAPPING_MAX, VXLAN_PORT } from "../base/limits.ts"
import { canonicalIp } from "./address.ts"
import { hostPortsText } from "./port-text.ts"

const portSchema = z.int().min(1).max(PORT_MAX)

/** `count` ports in a row, from `hostPort` on the node to `port` in the workload. */
export const portMappingSchema = z.object({
  protocol: z.enum(["tcp", "udp"]),
  /** One address of the node; null: all that it has, 127.0.0.1 among them. */
  address: z.string().nullable(),
  hostPort: portSchema,
  port: portSchema,
  count: z.int().min(1).max(PORTS_PER_MAPPING_MAX),
})
export type PortMapping = z.infer<typeof portMappingSchema>

const PATTERN = /^(?:([^:[\]]+|\[[^\]]*\]):)?(\d{1,5})(?:-(\d{1,5}))?:(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-zA-Z]+))?$/
const FORM_HINT =
  "write [ADDR:]HOST:PORT[/udp|tcp], such as 8080:80, 127.0.0.1:5300:53/udp, [::1]:8080:80 or 9000-9009:9000-9009"

/** Errors: `port_mapping_invalid` (usage). */
export function parsePortMapping(text: string): PortMapping {
  const match = PATTERN.exec(text)
  if (match === null) throw invalid(text, "malformed")
  const host = rangeOf(text, match[2]!, match[3])
  const inner = rangeOf(text, match[4]!, match[5])
  if (host.count !== inner.count) throw invalid(text, `${host.count} ports to ${inner.count}: they must be as many`)
  const protocol = (match[6] ?? "tcp").toLowerCase()
  if (protocol !== "tcp" && protocol !== "udp") throw invalid(text, `${match[6]} is neither tcp nor udp`)
  const address = addressOf(text, match[1])
  const mapping: PortMapping = { protocol, address, hostPort: host.first, port: inner.first, count: host.count }
  if (mappingsOverlap(mapping, OVERLAY)) throw invalid(text, `UDP port ${VXLAN_PORT} of a node is the overlay's own`)
  return mapping
}

const OVERLAY: PortMapping = { protocol: "udp", address: null, hostPort: VXLAN_PORT, port: VXLAN_PORT, count: 1 }

function rangeOf(text: string, first: string, last: string | undefined): { first: number; count: number } {
  const [from, to] = [Number(first), Number(last ?? first)]
  if (from < 1 || to > PORT_MAX) throw invalid(text, `ports are from 1 to ${PORT_MAX}`)
  if (to < from) throw invalid(text, `${from}-${to} runs backwards`)
  if (to - from >= PORTS_PER_MAPPING_MAX) throw invalid(text, `more than ${PORTS_PER_MAPPING_MAX} ports in one range`)
  return { first: from, count: to - from + 1 }
}

/** 0.0.0.0 stands for all, as everywhere; `::` for all of IPv6. */
function addressOf(text: string, given: string | undefined): string | null {
  if (given === undefined) return null
  const inBrackets = given.startsWith("[")
  const address = canonicalIp(inBrackets ? given.slice(1, -1) : given)
  if (address === null || inBrackets !== address.includes(":")) throw invalid(text, `${given} is not an address`)
  return address === "0.0.0.0" ? null : address
}

function invalid(text: string, why: string): OvlError {
  return new OvlError("port_mapping_invalid", `port ${text}: ${why}`, { kind: "usage", hint: FORM_HINT })
}

/** A port of the node, or several in a row, that somebody has: a mapping, or a socket that listens there. */
export type HostPorts = Pick<PortMapping, "protocol" | "address" | "hostPort" | "count">

/** All addresses of a node that are IPv6. */
export const ANY_IPV6 = "::"
export const IPV6_LOOPBACK = "::1"

function covers(address: string | null, other: string | null): boolean {
  return address === null || address === other || (address === ANY_IPV6 && (other?.includes(":") ?? false))
}

/** Whether a packet may be meant for both. */
export function mappingsOverlap(a: HostPorts, b: HostPorts): boolean {
  const sameAddress = covers(a.address, b.address) || covers(b.address, a.address)
  return (
    a.protocol === b.protocol && sameAddress && a.hostPort < b.hostPort + b.count && b.hostPort < a.hostPort + a.count
  )
}

/** Whether no IPv4 packet is meant for it. */
export function isOfIpv6Alone({ address }: Pick<PortMapping, "address">): boolean {
  return address?.includes(":") ?? false
}

/** Whether it is reached by an address of `lo`. */
export function isOnLoopback({ address }: Pick<PortMapping, "address">): boolean {
  return address === null || address.startsWith("127.")
}

/** `owner` has it already. */
export function portTaken(mapping: HostPorts, owner: string): OvlError {
  const what = `${mapping.protocol.toUpperCase()} port ${hostPortsText(mapping)}`
  return new OvlError("port_taken", `${what}: taken by ${owner}`, {
    kind: "conflict",
    hint: "choose another port of the node, or one of its addresses: -p ADDR:HOST:PORT",
  })
}
