/**
 * Which connections are stale when published ports have changed. The kernel decides once a connection where it leads,
 * and keeps to that for as long as packets come: a stream of UDP that never pauses would go to a workload that is gone,
 * or to nobody, for ever. Pure: what is tracked, and what is published, as values.
 */
import { parseIp } from "../../model/address.ts"
import type { PublishedPort } from "../../model/dataplane.ts"

/** A connection as the kernel tracks it: what the first packet asked for, and who answers. */
export interface TrackedConnection {
  protocol: "tcp" | "udp"
  /** Addresses as digits of base 16, 8 of IPv4 and 32 of IPv6. */
  askedAddress: string
  askedPort: number
  answerAddress: string
  answerPort: number
}

export function addressDigits(address: string): string {
  const ip = parseIp(address)
  return ip === null ? "" : ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, "0")
}

/**
 * Tells the connections that came in by a port of `changed` and do not lead where `published` says now. `own` are the
 * addresses of this node: what is asked of others through it is none of this.
 */
export function staleConnections(
  changed: readonly PublishedPort[],
  published: readonly PublishedPort[],
  own: readonly string[],
): (connection: TrackedConnection) => boolean {
  const ours = new Set(own.map(addressDigits))
  const targets = new Set(changed.map(({ to }) => addressDigits(to)))
  return (connection) => {
    if (!changed.some((each) => cameInBy(each, connection))) return false
    const { askedAddress, askedPort, answerAddress, answerPort } = connection
    const isLocal = ours.has(askedAddress) || /^7f.{6}$/.test(askedAddress)
    const now = published.find((each) => isLocal && cameInBy(each, connection))
    if (now === undefined) return askedAddress !== answerAddress && targets.has(answerAddress)
    const leadsThere = answerAddress === addressDigits(now.to) && answerPort === now.port + (askedPort - now.hostPort)
    return !leadsThere
  }
}

function cameInBy(port: PublishedPort, { protocol, askedAddress, askedPort }: TrackedConnection): boolean {
  const { hostPort, count, address, to } = port
  if (port.protocol !== protocol || askedPort < hostPort || askedPort >= hostPort + count) return false
  return address === null ? addressDigits(to).length === askedAddress.length : addressDigits(address) === askedAddress
}
