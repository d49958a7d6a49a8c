/**
 * Hears chosen UDP packets that reach this host, whoever holds their port: a raw socket gets them after the host's own
 * firewall has let them in, beside the kernel's VXLAN or a program. A filter of BPF instructions in the kernel picks
 * them out, so that all others cost no system call. Beside it, packets that are never fragmented: sent as they are or not
 * at all, whatever the kernel believes of the way.
 */
import { errnoName, LinuxError } from "./errno.ts"
import {
  bind,
  close,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockopt,
  setSocketFilter,
  socket,
} from "./libc.ts"
import { type NamespaceRef, withNamespace } from "./namespaces.ts"

const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_UDP = 17
const IPPROTO_IP = 0
const IPPROTO_IPV6 = 41
/** include/uapi/linux/in.h and in6.h: don't fragment, and don't go by what is remembered of the way. */
const IP_TTL = 2
const IP_MTU_DISCOVER = 10
const IPV6_MTU_DISCOVER = 23
const PMTUDISC_PROBE = 3
const UDP_HEADER_BYTES = 8

export type AddressFamily = 4 | 6

export interface TapOptions {
  family: AddressFamily
  /** Destination port. */
  port: number
  /** Words of the UDP payload, in network order, that a packet must have. */
  words: readonly { offset: number; value: number }[]
  bufferBytes: number
  /** `source` is the sender's address, four bytes; null with IPv6, where a raw socket's data do not begin with it. */
  onPacket: (payload: Uint8Array, source: Uint8Array | null) => void
  /** It hears nothing any more. */
  onFailed: (error: unknown) => void
}

export interface Tap {
  /** Closing twice is allowed. */
  close(): void
}

/** In this thread's network namespace. Throws what the kernel says: EPERM without CAP_NET_RAW, EAFNOSUPPORT. */
export function openUdpTap(options: TapOptions): Tap {
  const fd = socket(options.family === 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP)
  try {
    setSocketFilter(fd, filterProgram(options))
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, options.bufferBytes)
  } catch (error) {
    close(fd)
    throw error
  }
  let closed = false
  const end = (error: unknown) => {
    if (closed) return
    closed = true
    options.onFailed(error)
  }
  const handlers = {
    data: (_socket: unknown, bytes: Uint8Array) => {
      if (!closed) deliver(options, bytes)
    },
    close: (_socket: unknown, error?: Error) => end(error ?? new Error("the socket was closed")),
    error: (_socket: unknown, error: Error) => end(error),
  }
  const connecting = Bun.connect({ fd, socket: handlers } as unknown as Parameters<typeof Bun.connect>[0])
  connecting.catch(end)
  return {
    close: () => {
      closed = true
      connecting.then(
        (each) => each.terminate(),
        () => {},
      )
    },
  }
}

function deliver({ family, onPacket }: TapOptions, bytes: Uint8Array): void {
  if (family === 6) return onPacket(bytes.slice(UDP_HEADER_BYTES), null)
  const headerBytes = (bytes[0]! & 0xf) * 4
  onPacket(bytes.slice(headerBytes + UDP_HEADER_BYTES), bytes.slice(12, 16))
}

/** `struct sock_filter` of include/uapi/linux/filter.h: code, jump if true, jump if false, value. */
type Instruction = [code: number, jt: number, jf: number, k: number]
const LOAD_HEADER_LENGTH = 0xb1 // x = 4 * (packet[k] & 0xf): BPF_LDX | BPF_B | BPF_MSH
const LOAD_X = 0x01 // x = k: BPF_LDX | BPF_W | BPF_IMM
const LOAD_HALF = 0x48 // a = 16 bits at x + k: BPF_LD | BPF_H | BPF_IND
const LOAD_WORD = 0x40 // BPF_LD | BPF_W | BPF_IND
const JUMP_EQUAL = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06 // BPF_RET | BPF_K

/** Passes what goes to the port and has the words; with IPv4 the packet begins with its IP header, with IPv6 after it. */
export function filterProgram({ family, port, words }: Pick<TapOptions, "family" | "port" | "words">): Uint8Array {
  const tests: [load: number, at: number, value: number][] = [
    [LOAD_HALF, 2, port],
    ...words.map(({ offset, value }): [number, number, number] => [LOAD_WORD, UDP_HEADER_BYTES + offset, value]),
  ]
  const program: Instruction[] = [family === 4 ? [LOAD_HEADER_LENGTH, 0, 0, 0] : [LOAD_X, 0, 0, 0]]
  tests.forEach(([load, at, value], index) => {
    const toRefusal = (tests.length - index - 1) * 2 + 1
    program.push([load, 0, 0, at], [JUMP_EQUAL, 0, toRefusal, value])
  })
  program.push([RETURN, 0, 0, 0xffffffff], [RETURN, 0, 0, 0])
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  program.forEach(([code, jt, jf, k], index) => {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, jt)
    view.setUint8(index * 8 + 3, jf)
    view.setUint32(index * 8 + 4, k, true)
  })
  return bytes
}

export interface Datagram {
  /** Four bytes each, or sixteen. */
  from: Uint8Array
  to: Uint8Array
  port: number
  payload: Uint8Array
  /** Where it is sent from; this thread's own namespace if left out. */
  namespace?: NamespaceRef
  /** How many hosts it may pass; the host's own default if left out. IPv4 only. */
  ttl?: number
}

/**
 * Sends one UDP packet that may not be fragmented, from a port of the kernel's choice. Null when it is on its way, else
 * why not, by the error's name: EMSGSIZE (larger than the device carries), EPERM (a rule of this host), ENETUNREACH ...
 */
export function sendUnfragmented({ from, to, port, payload, namespace, ttl }: Datagram): string | null {
  const family = to.length === 4 ? AF_INET : AF_INET6
  let fd: number | null = null
  try {
    const create = () => socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP)
    fd = namespace === undefined ? create() : withNamespace(namespace, create)
    if (ttl !== undefined) setsockopt(fd, IPPROTO_IP, IP_TTL, ttl)
    if (family === AF_INET) setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)
    else setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    bind(fd, socketAddress(from, 0))
    sendto(fd, payload, socketAddress(to, port))
    return null
  } catch (error) {
    if (error instanceof LinuxError) return errnoName(error.errno)
    throw error
  } finally {
    if (fd !== null) close(fd)
  }
}

/** `struct sockaddr_in` (16 bytes) or `struct sockaddr_in6` (28). */
function socketAddress(address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(address.length === 4 ? 16 : 28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, address.length === 4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  bytes.set(address, address.length === 4 ? 4 : 8)
  return bytes
}
