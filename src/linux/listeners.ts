/** Which ports of this host's IPv4 addresses somebody listens on: what `ss -ltun` shows, read from /proc/net (proc_net(5)). */
import { readFileSync } from "node:fs"
import { isErrno } from "./errno.ts"

export interface Listener {
  protocol: "tcp" | "udp"
  /** Null: on all addresses. */
  address: string | null
  port: number
}

/** TCP_LISTEN, and TCP_CLOSE, which a UDP socket has that is bound and not connected (include/net/tcp_states.h). */
const LISTENING: Record<Listener["protocol"], string> = { tcp: "0A", udp: "07" }

/** Of the namespace that this thread is in. */
export function readListeners(): Listener[] {
  return (["tcp", "udp"] as const).flatMap((protocol) =>
    [protocol, `${protocol}6`].flatMap((file) => parseListeners(protocol, readTable(file))),
  )
}

/** A kernel without IPv6 has no tables of it. */
function readTable(file: string): string {
  try {
    return readFileSync(`/proc/thread-self/net/${file}`, "latin1")
  } catch (error) {
    if (isErrno(error, "ENOENT")) return ""
    throw error
  }
}

/** Sockets of IPv6 addresses are left out, but for `::` and those that stand for IPv4. */
export function parseListeners(protocol: Listener["protocol"], text: string): Listener[] {
  const found: Listener[] = []
  for (const line of text.split("\n")) {
    const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line)
    if (!match || match[3] !== LISTENING[protocol]) continue
    const address = ipv4Of(match[1]!)
    if (address !== undefined) found.push({ protocol, address, port: Number.parseInt(match[2]!, 16) })
  }
  return found
}

const MAPPED = "0000000000000000FFFF0000"

/** Words of four bytes, each in this machine's order. Undefined: no address that IPv4 packets come to. */
function ipv4Of(hex: string): string | null | undefined {
  if (/^0+$/.test(hex)) return null
  if (hex.length > 8 && !hex.startsWith(MAPPED)) return undefined
  const word = Buffer.from(hex.slice(-8), "hex")
  return [...word.reverse()].join(".")
}
