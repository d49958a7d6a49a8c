/**
 * A raw ICMP socket inside a network namespace: what is sent by it goes by the namespace's routes, neighbours and rules,
 * as any program's packets there, and no program is needed. It hears answers to echo requests and errors, nothing else.
 */
import { errnoName, errnoText, LinuxError } from "./errno.ts"
import {
  bind,
  close,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockopt,
  socket,
} from "./libc.ts"
import { type NamespaceRef, withNamespace } from "./namespaces.ts"

const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_ICMP = 1
const IPPROTO_ICMPV6 = 58
const SO_BINDTODEVICE = 25
/** include/uapi/linux/icmp.h and icmpv6.h: which types a socket gets; a set bit keeps one away. */
const SOL_RAW = 255
const ICMP_FILTER = 1
const ICMP6_FILTER = 1
const HEARD_4 = [0, 3, 11]
const HEARD_6 = [129, 1, 2, 3]

export interface IcmpOptions {
  namespace: NamespaceRef
  family: 4 | 6
  /** The source, four bytes or sixteen; null: the kernel's choice. */
  from: Uint8Array | null
  /** The interface to send by and hear on; null: where the namespace's routes lead. */
  device: string | null
  bufferBytes: number
  /** With IPv4 a packet begins with its IP header, with IPv6 with that of ICMPv6. */
  onPacket: (packet: Uint8Array) => void
}

export interface IcmpSocket {
  /** Null when it is on its way, else the kernel's words for why not. */
  send(to: Uint8Array, packet: Uint8Array): string | null
  /** Closing twice is allowed. */
  close(): void
}

/**
 * Throws what the kernel says of the namespace (`not_found` where there is none), of the address and the interface, and
 * of the right to open a raw socket (EPERM without CAP_NET_RAW).
 */
export async function openIcmp(options: IcmpOptions): Promise<IcmpSocket> {
  const fd = withNamespace(options.namespace, () => openInside(options))
  let closed = false
  const handlers = {
    data: (_socket: unknown, bytes: Uint8Array) => {
      if (!closed) options.onPacket(bytes)
    },
    // What it does not hear any more is lost, as on the way.
    close: () => {
      closed = true
    },
    error: () => {},
  }
  const receiver = await Bun.connect({ fd, socket: handlers } as unknown as Parameters<typeof Bun.connect>[0])
  return {
    send: (to, packet) => {
      if (closed) return "the socket was closed"
      try {
        sendto(fd, packet, socketAddress(to))
        return null
      } catch (error) {
        if (!(error instanceof LinuxError)) throw error
        return errnoText(error.errno) || errnoName(error.errno)
      }
    },
    close: () => {
      if (closed) return
      closed = true
      receiver.terminate()
    },
  }
}

function openInside({ family, from, device, bufferBytes }: IcmpOptions): number {
  const v4 = family === 4
  const flags = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK
  const fd = v4 ? socket(AF_INET, flags, IPPROTO_ICMP) : socket(AF_INET6, flags, IPPROTO_ICMPV6)
  try {
    if (v4) setsockopt(fd, SOL_RAW, ICMP_FILTER, filterOf(HEARD_4, 1))
    else setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filterOf(HEARD_6, 8))
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bufferBytes)
    if (device !== null) setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`))
    if (from !== null) bind(fd, socketAddress(from))
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

/** A bit for each type, set for those that are of no interest. The words are in the host's order. */
function filterOf(types: readonly number[], words: number): Uint8Array {
  const bits = new Uint32Array(words).fill(0xffffffff)
  for (const type of types) if (type >> 5 < words) bits[type >> 5] = bits[type >> 5]! & ~(1 << (type & 31))
  return new Uint8Array(bits.buffer)
}

/** `struct sockaddr_in` (16 bytes) or `struct sockaddr_in6` (28); raw sockets have no port. */
function socketAddress(address: Uint8Array): Uint8Array {
  const v4 = address.length === 4
  const bytes = new Uint8Array(v4 ? 16 : 28)
  new DataView(bytes.buffer).setUint16(0, v4 ? AF_INET : AF_INET6, true)
  bytes.set(address, v4 ? 4 : 8)
  return bytes
}
