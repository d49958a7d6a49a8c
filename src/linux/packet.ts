/** Raw Ethernet frames on one interface of any namespace: to look at what is on a wire, and to put something on it. */
import { MTU_MAX_BYTES, PACKET_BUFFER_BYTES } from "../base/limits.ts"
import { LinuxError } from "./errno.ts"
import {
  AF_PACKET,
  bind,
  close,
  ioctl,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recvfrom,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockopt,
  socket,
  trySetsockopt,
} from "./libc.ts"
import { type NamespaceRef, withNamespace } from "./namespaces.ts"

const ETH_P_ALL = 3
/** SIOCGIFINDEX of include/uapi/linux/sockios.h, and `struct ifreq`: a name of 16 bytes, then the answer. */
const SIOCGIFINDEX = 0x8933
const IFREQ_BYTES = 40
/** `struct sockaddr_ll` of packet(7). */
const SOCKADDR_LL_BYTES = 20
const SOL_PACKET = 263
const PACKET_ADD_MEMBERSHIP = 1
const PACKET_MR_PROMISC = 1
const PACKET_OUTGOING = 4
/** A frame may be a merged one of up to 64 KiB, with its Ethernet header and tags. */
const FRAME_BYTES = MTU_MAX_BYTES + 64

export interface PacketOptions {
  /** A path or a descriptor; this thread's own namespace if left out. */
  namespace?: NamespaceRef
  /** Name or index of the interface. */
  device: string | number
  /** EtherType to receive; all if left out, which also shows what is sent. */
  protocol?: number
  /** Also frames that are meant for others. */
  promiscuous?: boolean
}

export interface Frame {
  /** From the destination MAC on. */
  bytes: Uint8Array
  /** Sent by this host, rather than received. */
  outgoing: boolean
}

/** A raw socket on one interface. What arrives between two calls of `receive` waits, up to a bound. */
export class PacketSocket {
  private readonly buffer = new Uint8Array(FRAME_BYTES)
  private readonly sender = new Uint8Array(SOCKADDR_LL_BYTES)
  private open = true

  private constructor(
    readonly fd: number,
    private readonly address: Uint8Array,
  ) {}

  /** Throws `not_found` (ENODEV) if there is no such interface. */
  static open(options: PacketOptions): PacketSocket {
    // Protocol 0: nothing is received, from whatever interface, before the socket is bound to its own.
    const create = () => socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    const fd = options.namespace === undefined ? create() : withNamespace(options.namespace, create)
    try {
      const index = typeof options.device === "number" ? options.device : interfaceIndex(fd, options.device)
      if (!trySetsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, PACKET_BUFFER_BYTES)) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, PACKET_BUFFER_BYTES)
      }
      if (options.promiscuous === true) {
        const request = new Uint8Array(16)
        const view = new DataView(request.buffer)
        view.setInt32(0, index, true)
        view.setUint16(4, PACKET_MR_PROMISC, true)
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
      }
      const address = new Uint8Array(SOCKADDR_LL_BYTES)
      const view = new DataView(address.buffer)
      view.setUint16(0, AF_PACKET, true)
      view.setUint16(2, options.protocol ?? ETH_P_ALL, false)
      view.setInt32(4, index, true)
      bind(fd, address)
      return new PacketSocket(fd, address)
    } catch (error) {
      close(fd)
      throw error
    }
  }

  /** The next frame that waits, or null. Throws ENETDOWN once when the interface went down. */
  receive(): Frame | null {
    const length = recvfrom(this.fd, this.buffer, this.sender, MSG_DONTWAIT | MSG_TRUNC)
    if (length === -11) return null
    if (length < 0) throw new LinuxError("receiving a frame", -length)
    return {
      bytes: this.buffer.slice(0, Math.min(length, FRAME_BYTES)),
      outgoing: this.sender[10] === PACKET_OUTGOING,
    }
  }

  /** All frames that wait, up to `limit`. */
  drain(limit: number): Frame[] {
    const frames: Frame[] = []
    while (frames.length < limit) {
      const frame = this.receive()
      if (frame === null) break
      frames.push(frame)
    }
    return frames
  }

  /** Puts a whole frame, Ethernet header included, on the wire. */
  send(frame: Uint8Array): void {
    sendto(this.fd, frame, this.address)
  }

  /** Closing twice is allowed. */
  close(): void {
    if (!this.open) return
    this.open = false
    close(this.fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** The socket's own namespace is the one that is asked. */
function interfaceIndex(fd: number, name: string): number {
  const request = new Uint8Array(IFREQ_BYTES)
  const encoded = Buffer.from(name, "utf8")
  if (encoded.length > 15) throw new LinuxError(`interface ${name}`, 19)
  request.set(encoded)
  ioctl(fd, SIOCGIFINDEX, request, `interface ${name}`)
  return new DataView(request.buffer).getInt32(16, true)
}
