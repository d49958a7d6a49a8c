/** Which ports of this host somebody listens on: what `ss -ltun` shows, read from /proc/net (proc_net(5)). */
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

/** `::` is taken for all addresses, as such a socket hears IPv4 too unless it asked not to. */
export function parseListeners(protocol: Listener["protocol"], text: string): Listener[] {
  const found: Listener[] = []
  for (const line of text.split("\n")) {
    const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line)
    if (!match || match[3] !== LISTENING[protocol]) continue
    found.push({ protocol, address: addressIn(match[1]!), port: Number.parseInt(match[2]!, 16) })
  }
  return found
}

const MAPPED = "0000000000000000FFFF0000"

/** Words of four bytes, each in this machine's order. The text of an IPv6 address is canonical (RFC 5952). */
function addressIn(hex: string): string | null {
  if (/^0+$/.test(hex)) return null
  const words = (hex.length > 8 && hex.startsWith(MAPPED) ? hex.slice(-8) : hex).match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => [...Buffer.from(word, "hex").reverse()])
  if (bytes.length === 4) return bytes.join(".")
  const groups = bytes.flatMap((byte, at) => (at % 2 === 0 ? [((byte << 8) | (bytes[at + 1] ?? 0)).toString(16)] : []))
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1)
}
