/**
 * The netlink socket: it sends requests and reads the kernel's answers at once, since rtnetlink does the work inside
 * `send`. A socket belongs for ever to the namespace in which it was opened. Requests go to a `RequestTarget`: a socket
 * carries one out immediately, a batch keeps it for later (`batch.ts`).
 */
import { assert } from "../base/assert.ts"
import {
  NETLINK_DUMP_RETRIES_MAX,
  NETLINK_RECEIVE_BUFFER_BYTES,
  NETLINK_REQUEST_MAX_BYTES,
  NETLINK_SEND_MAX_BYTES,
  NETLINK_SEND_MAX_REQUESTS,
} from "../base/limits.ts"
import { LinuxError } from "../linux/errno.ts"
import {
  AF_NETLINK,
  bind,
  close,
  getsockname,
  MSG_DONTWAIT,
  MSG_TRUNC,
  type MmsgHeaders,
  mmsgHeaders,
  recv,
  recvmmsg,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  send,
  setsockopt,
  socket,
  trySetsockopt,
} from "../linux/libc.ts"
import { type NamespaceRef, withNamespace } from "../linux/namespaces.ts"
import { Batch } from "./batch.ts"
import {
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
  NLMSGERR_ATTR_MSG,
  SOL_NETLINK,
} from "./constants.ts"
import { describeRequest } from "./describe.ts"
import { malformed, NetlinkError } from "./errors.ts"
import { AttributeReader, forEachMessage, MessageWriter, type ReceivedMessage } from "./message.ts"

export interface NetlinkSocketOptions {
  /** A path (`/run/netns/x`) or an open descriptor; this thread's own namespace if left out. */
  namespace?: NamespaceRef
}

/** Where a request goes: a `NetlinkSocket` carries it out at once, a `Batch` keeps it. */
export interface RequestTarget {
  /** Starts a request of an RTM_* type; NLM_F_REQUEST is added. The fixed header comes next. */
  begin(type: number, flags: number): MessageWriter
  /** Ends it. On a socket: sends it, and throws `NetlinkError` if the kernel refuses. */
  end(): void
}

/** `struct sockaddr_nl`: family, padding, port, groups. A port of 0 lets the kernel choose. */
const SOCKADDR_NL_BYTES = 12
/** The kernel makes dump parts of up to 32 KiB; a single object may need more. */
const RECEIVE_BYTES = 262_144
/** An acknowledgement with its extended text and policy has under 400 bytes. */
const ANSWER_SLOT_BYTES = 512
const ANSWER_SLOTS = 64

// All calls are synchronous and on one thread, so every socket shares these.
let answers: { slots: MmsgHeaders; view: DataView } | undefined
let receiveBuffer: Uint8Array | undefined

/** Opens a bound rtnetlink socket in a namespace, with room for so many bytes of answers; the monitor uses it too. */
export function openRtnetlink(options: NetlinkSocketOptions, bufferBytes: number, flags = 0): number {
  const create = () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE)
  const fd = options.namespace === undefined ? create() : withNamespace(options.namespace, create)
  try {
    const address = new Uint8Array(SOCKADDR_NL_BYTES)
    address[0] = AF_NETLINK
    bind(fd, address)
    if (!trySetsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes)) {
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bufferBytes)
    }
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

/** Where in a writer the next message stands, and the how manieth it is. */
interface Place {
  at: number
  index: number
}
const START: Place = { at: 0, index: 0 }

/** The requests of one send. */
export interface Piece {
  requests: Uint8Array
  firstSeq: number
  count: number
  index: number
  next: Place
}

export class NetlinkSocket implements RequestTarget {
  private readonly writer = new MessageWriter(NETLINK_REQUEST_MAX_BYTES)
  private seq = 0
  private open = true

  private constructor(
    /** The descriptor; bound to its namespace for ever. */
    readonly fd: number,
    private readonly port: number,
  ) {}

  /** Opens a socket in a namespace. Throws `LinuxError` if the namespace is not there or may not be entered. */
  static open(options: NetlinkSocketOptions = {}): NetlinkSocket {
    const fd = openRtnetlink(options, NETLINK_RECEIVE_BUFFER_BYTES)
    try {
      for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
        setsockopt(fd, SOL_NETLINK, option, 1)
      }
      const port = new DataView(getsockname(fd, SOCKADDR_NL_BYTES).buffer).getUint32(4, true)
      return new NetlinkSocket(fd, port)
    } catch (error) {
      close(fd)
      throw error
    }
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

  /** An empty batch for this socket. */
  batch(): Batch {
    return new Batch(this)
  }

  begin(type: number, flags: number): MessageWriter {
    this.writer.reset()
    this.writer.begin(type, flags | NLM_F_REQUEST, 0)
    return this.writer
  }

  end(): void {
    this.writer.end()
    const failure = this.transact(this.writer)[0]
    if (failure !== undefined) throw failure
  }

  /**
   * Sends all complete messages of a writer and learns the outcome of every one. Returns the refusals, in order.
   *
   * The kernel takes the messages of one send in order and answers each that it refuses, and each that asks for an
   * acknowledgement (netlink_rcv_skb in net/netlink/af_netlink.c). Only the last one asks: with its answer all are
   * through, and half of the kernel's work for a row is spared. A refusal for which there was no room is told as ENOBUFS.
   * Throws `LinuxError` if the socket itself fails; what was done by then must be looked at.
   */
  transact(writer: MessageWriter): NetlinkError[] {
    const failures: NetlinkError[] = []
    for (let place = START; ; ) {
      const piece = this.piece(writer, place)
      if (piece === null) return failures
      send(this.fd, piece.requests, piece.requests.length)
      failures.push(...this.answers(piece))
      place = piece.next
    }
  }

  /** The messages of a writer that go with the next send, numbered; null where all have gone. */
  piece(writer: MessageWriter, { at, index }: Place): Piece | null {
    assert(this.open, "netlink: the socket is closed")
    const { bytes, position: total } = writer
    if (at >= total) return null
    const view = new DataView(bytes.buffer)
    const firstSeq = (this.seq + 1) >>> 0
    let end = at
    let last = at
    let count = 0
    while (end < total && count < NETLINK_SEND_MAX_REQUESTS) {
      const length = view.getUint32(end, true)
      if (count > 0 && end + length - at > NETLINK_SEND_MAX_BYTES) break
      this.seq = (this.seq + 1) >>> 0
      view.setUint32(end + 8, this.seq, true)
      last = end
      end += (length + 3) & ~3
      count++
    }
    view.setUint16(last + 6, view.getUint16(last + 6, true) | NLM_F_ACK, true)
    return { requests: bytes.subarray(at, end), firstSeq, count, index, next: { at: end, index: index + count } }
  }

  /** Reads the answers to a piece that was sent, up to that of its last request. The refusals, in order. */
  answers({ requests, firstSeq, count, index: firstIndex }: Piece): NetlinkError[] {
    const failures: NetlinkError[] = []
    if (answers === undefined) {
      const slots = mmsgHeaders(ANSWER_SLOTS, ANSWER_SLOT_BYTES)
      answers = { slots, view: new DataView(slots.arena.buffer) }
    }
    const { slots, view } = answers
    for (let through = false; !through; ) {
      const received = recvmmsg(this.fd, slots, MSG_DONTWAIT)
      if (received < 0) throw new LinuxError("netlink: an acknowledgement is missing", -received)
      for (let slot = 0; slot < received; slot++) {
        const at = slot * ANSWER_SLOT_BYTES
        const length = Math.min(slots.length(slot), ANSWER_SLOT_BYTES)
        if (length < NLMSG_HEADER_BYTES + 4) throw malformed(`an acknowledgement of ${length} bytes`)
        const place = (view.getUint32(at + 8, true) - firstSeq) >>> 0
        // Left over from a list or a batch that was given up: not ours.
        if (place >= count || view.getUint16(at + 4, true) !== NLMSG_ERROR) continue
        if (place === count - 1) through = true
        const error = view.getInt32(at + NLMSG_HEADER_BYTES, true)
        if (error === 0) continue
        const text = extendedText(slots.arena, view, at, length)
        failures.push(new NetlinkError(describeRequest(nthMessage(requests, place)), -error, text, firstIndex + place))
      }
    }
    return failures
  }

  /** Asks for one object and hands the answer to `decode`. Throws `NetlinkError` where there is none. */
  get<T>(type: number, build: (writer: MessageWriter) => void, decode: (message: ReceivedMessage) => T): T {
    let result: { value: T } | undefined
    this.request(type, 0, build, (message) => {
      result = { value: decode(message) }
      return true
    })
    if (result === undefined) throw malformed("an answer without the object")
    return result.value
  }

  /**
   * Lists objects of one kind. A list that the kernel says was disturbed by a change while it was made is asked for
   * again, a bounded number of times: half a list would make the caller repair what is not broken.
   */
  dump<T>(
    type: number,
    answer: number,
    build: (writer: MessageWriter) => void,
    decode: (message: ReceivedMessage) => T | null,
  ): T[] {
    for (let attempt = 0; attempt <= NETLINK_DUMP_RETRIES_MAX; attempt++) {
      const found: T[] = []
      const disturbed = this.request(type, NLM_F_DUMP, build, (message) => {
        if (message.type !== answer) return false
        const one = decode(message)
        if (one !== null) found.push(one)
        return false
      })
      if (!disturbed) return found
    }
    throw new LinuxError(`netlink: a list that changed ${NETLINK_DUMP_RETRIES_MAX} times while it was read`, 4)
  }

  /** Sends one request and visits its answers until `visit` says true or the list ends. True if it was disturbed. */
  private request(
    type: number,
    flags: number,
    build: (writer: MessageWriter) => void,
    visit: (message: ReceivedMessage) => boolean,
  ): boolean {
    assert(this.open, "netlink: the socket is closed")
    this.seq = (this.seq + 1) >>> 0
    this.writer.reset()
    this.writer.begin(type, flags | NLM_F_REQUEST, this.seq)
    build(this.writer)
    this.writer.end()
    send(this.fd, this.writer.bytes, this.writer.position)
    let finished = false
    let disturbed = false
    while (!finished) {
      const { bytes, length } = this.receive()
      forEachMessage(bytes, length, (message) => {
        if (finished || message.seq !== this.seq || message.port !== this.port) return
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) disturbed = true
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          finished = true
          this.throwIfRefused(message)
        } else if (visit(message)) finished = true
      })
    }
    return disturbed
  }

  private receive(): { bytes: Uint8Array; length: number } {
    receiveBuffer ??= new Uint8Array(RECEIVE_BYTES)
    const length = recv(this.fd, receiveBuffer, MSG_DONTWAIT | MSG_TRUNC)
    if (length < 0) throw new LinuxError("netlink: an answer is missing", -length)
    if (length > RECEIVE_BYTES) throw malformed(`an answer of ${length} bytes`)
    return { bytes: receiveBuffer, length }
  }

  private throwIfRefused(message: ReceivedMessage): void {
    if (message.end - message.start < 4) {
      if (message.type === NLMSG_DONE) return
      throw malformed("an error without its number")
    }
    const error = message.view.getInt32(message.start, true)
    if (error === 0) return
    const at = message.start - NLMSG_HEADER_BYTES
    const text = extendedText(message.bytes, message.view, at, message.end - at)
    throw new NetlinkError(describeRequest(this.writer.bytes.subarray(0, this.writer.position)), -error, text, 0)
  }
}

/** The kernel's own sentence in an NLMSG_ERROR or NLMSG_DONE message at `at`, if it has one. */
function extendedText(bytes: Uint8Array, view: DataView, at: number, length: number): string {
  const flags = view.getUint16(at + 6, true)
  if ((flags & NLM_F_ACK_TLVS) === 0) return ""
  const limit = at + Math.min(view.getUint32(at, true), length)
  let start = at + NLMSG_HEADER_BYTES + 4
  if (view.getUint16(at + 4, true) === NLMSG_ERROR) {
    if (limit - start < NLMSG_HEADER_BYTES) throw malformed("an error without the request's header")
    const echoed = (flags & NLM_F_CAPPED) !== 0 ? NLMSG_HEADER_BYTES : (view.getUint32(start, true) + 3) & ~3
    start += echoed
  }
  const reader = new AttributeReader(bytes, view).over(start, limit)
  while (reader.next()) if (reader.type === NLMSGERR_ATTR_MSG) return reader.string()
  return ""
}

/** The message with this index in a run of complete messages. */
function nthMessage(bytes: Uint8Array, index: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let position = 0
  for (let i = 0; i < index; i++) position += (view.getUint32(position, true) + 3) & ~3
  return bytes.subarray(position, position + view.getUint32(position, true))
}
