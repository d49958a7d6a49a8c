/**
 * Messages to the kernel's nf_tables (include/uapi/linux/netfilter/nf_tables.h), as far as ovl needs them: a transaction
 * is one datagram of ours, taken or refused as a whole, and costs some ten microseconds where a program would cost ten
 * milliseconds. Numbers in attributes are big-endian.
 */
import { LinuxError } from "../../linux/errno.ts"
import {
  AF_NETLINK,
  bind,
  close,
  MSG_DONTWAIT,
  recv,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  send,
  socket,
  trySetsockopt,
} from "../../linux/libc.ts"
import { withNamespace } from "../../linux/namespaces.ts"
import { HOST_NAMESPACE, type NamespacePath } from "../../model/dataplane.ts"

const NETLINK_NETFILTER = 12
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const NLM_F_DUMP = 0x300
const NLM_F_CREATE = 0x400
const NLM_F_APPEND = 0x800
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff
const HEADER_BYTES = 20
const RECEIVE_BYTES = 65_536
/** What every socket takes in one send; the kernel's own default, 208 KiB, is less than a thousand ports can need. */
const SEND_BYTES = 65_536
/** Where a datagram comes in, before its own bytes are taken out. */
const received = Buffer.alloc(RECEIVE_BYTES)
/** NFPROTO_BRIDGE: frames as a bridge sees them. */
export const FAMILY_BRIDGE = 7

export const NEW_TABLE = 0
export const DELETE_TABLE = 2
export const NEW_CHAIN = 3
export const GET_CHAIN = 4
export const NEW_RULE = 6
export const GET_RULE = 7
export const NEW_SET = 9
export const NEW_ELEMENT = 12
export const GET_ELEMENT = 13
export const DELETE_ELEMENT = 14
export const GET_GENERATION = 16

export type Attribute = Buffer

export function bytes(type: number, value: Uint8Array): Attribute {
  const attribute = Buffer.alloc((4 + value.length + 3) & ~3)
  attribute.writeUInt16LE(4 + value.length, 0)
  attribute.writeUInt16LE(type, 2)
  attribute.set(value, 4)
  return attribute
}

export function text(type: number, value: string): Attribute {
  return bytes(type, Buffer.from(`${value}\0`))
}

export function number(type: number, value: number): Attribute {
  const value32 = Buffer.alloc(4)
  value32.writeInt32BE(value | 0)
  return bytes(type, value32)
}

export function nested(type: number, attributes: readonly Attribute[]): Attribute {
  return bytes(type | NLA_F_NESTED, Buffer.concat(attributes))
}

/** Attributes by type; of a type that repeats the last. */
export function attributesOf(payload: Buffer): Map<number, Buffer> {
  return new Map(listOf(payload))
}

export function listOf(payload: Buffer): [number, Buffer][] {
  const found: [number, Buffer][] = []
  for (let at = 0; at + 4 <= payload.length; ) {
    const length = payload.readUInt16LE(at)
    if (length < 4) break
    found.push([payload.readUInt16LE(at + 2) & NLA_TYPE_MASK, payload.subarray(at + 4, at + length)])
    at += (length + 3) & ~3
  }
  return found
}

export interface Change {
  type: number
  attributes: readonly Attribute[]
}

export function message(
  type: number,
  flags: number,
  family: number,
  resource: number,
  attributes: readonly Attribute[],
) {
  const header = Buffer.alloc(HEADER_BYTES)
  const body = Buffer.concat(attributes)
  header.writeUInt32LE(HEADER_BYTES + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags, 6)
  header.writeUInt8(family, 16)
  header.writeUInt16BE(resource, 18)
  return Buffer.concat([header, body])
}

/** A conversation with the nf_tables of one namespace. */
export class NfTables {
  readonly #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Errors: EPROTONOSUPPORT where the kernel has no nf_tables. */
  static use<T>(ns: NamespacePath, body: (tables: NfTables) => T): T {
    const open = () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)
    const fd = ns === HOST_NAMESPACE ? open() : withNamespace(ns, open)
    try {
      const address = new Uint8Array(12)
      address[0] = AF_NETLINK
      bind(fd, address)
      return body(new NfTables(fd))
    } finally {
      close(fd)
    }
  }

  /** One transaction. Throws the first refusal, a `LinuxError`; then nothing has changed. */
  commit(changes: readonly Change[]): void {
    const edge = (type: number) => message(type, NLM_F_REQUEST, 0, NFNL_SUBSYS_NFTABLES, [])
    const batch = Buffer.concat([
      edge(NFNL_MSG_BATCH_BEGIN),
      ...changes.map(({ type, attributes }) => message(typeOf(type), flagsOf(type), FAMILY_BRIDGE, 0, attributes)),
      edge(NFNL_MSG_BATCH_END),
    ])
    // Else EMSGSIZE. The kernel doubles the number.
    if (batch.length > SEND_BYTES) trySetsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, batch.length)
    send(this.#fd, batch, batch.length)
    let refusal: LinuxError | null = null
    for (let seen = 0; seen < changes.length; ) {
      const answers = this.#receive()
      if (answers === null) break
      for (const { type, body } of answers) {
        if (type !== NLMSG_ERROR) continue
        seen++
        const errno = -body.readInt32LE(0)
        if (errno !== 0) refusal ??= new LinuxError("nf_tables", errno)
      }
    }
    if (refusal !== null) throw refusal
  }

  /** The attributes of what a question without any has for an answer; null where it has none. */
  get(type: number): Buffer | null {
    const request = message(typeOf(type), NLM_F_REQUEST, 0, 0, [])
    send(this.#fd, request, request.length)
    const answer = this.#receive()?.[0]
    return answer === undefined || answer.type === NLMSG_ERROR ? null : answer.body.subarray(HEADER_BYTES - 16)
  }

  /** The attributes of each object; nothing where what is asked about does not exist. */
  dump(type: number, attributes: readonly Attribute[]): Buffer[] {
    const request = message(typeOf(type), NLM_F_REQUEST | NLM_F_DUMP, FAMILY_BRIDGE, 0, attributes)
    send(this.#fd, request, request.length)
    const found: Buffer[] = []
    for (;;) {
      const answers = this.#receive()
      if (answers === null) return found
      for (const { type: answered, body } of answers) {
        if (answered === NLMSG_DONE || answered === NLMSG_ERROR) return found
        found.push(body.subarray(HEADER_BYTES - 16))
      }
    }
  }

  /** What the next datagram holds; null when none is left. */
  #receive(): { type: number; body: Buffer }[] | null {
    const length = recv(this.#fd, received, MSG_DONTWAIT)
    if (length < 16) return null
    const into = Buffer.from(received.subarray(0, length))
    const found: { type: number; body: Buffer }[] = []
    for (let at = 0; at + 16 <= length; ) {
      const size = into.readUInt32LE(at)
      found.push({ type: into.readUInt16LE(at + 4), body: into.subarray(at + 16, at + size) })
      at += (size + 3) & ~3
    }
    return found
  }
}

function typeOf(type: number): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | type
}

function flagsOf(type: number): number {
  const makes = type === NEW_RULE ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE
  return NLM_F_REQUEST | NLM_F_ACK | (type === DELETE_TABLE || type === DELETE_ELEMENT ? 0 : makes)
}
