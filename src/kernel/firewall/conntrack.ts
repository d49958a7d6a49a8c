/**
 * The connections that the host's kernel tracks (include/uapi/linux/netfilter/nfnetlink_conntrack.h): listed, and
 * forgotten one by one. What is forgotten begins anew with its next packet, by the rules as they are then.
 */
import { CONNECTION_LISTS_MAX } from "../../base/limits.ts"
import { isErrno } from "../../linux/errno.ts"
import { AF_NETLINK, bind, close, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_RAW, send, socket } from "../../linux/libc.ts"
import { familyOf } from "../../model/address.ts"
import type { PublishedPort } from "../../model/dataplane.ts"
import type { TrackedConnection } from "./connections.ts"
import { type Attribute, attributesOf, bytes, listOf, message, nested, number } from "./nft-message.ts"

const NETLINK_NETFILTER = 12
const NFNL_SUBSYS_CTNETLINK = 1
const GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
const DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const NLM_F_DUMP = 0x300
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const AF_INET = 2
const AF_INET6 = 10
const PROTOCOLS: ReadonlyMap<number, TrackedConnection["protocol"]> = new Map([
  [6, "tcp"],
  [17, "udp"],
])
/** enum ctattr_type, ctattr_tuple, ctattr_ip and ctattr_l4proto. */
const TUPLE_ORIGINAL = 1
const TUPLE_REPLY = 2
const ID = 12
const ZONE = 18
const FILTER = 25
const FILTER_ORIGINAL_FLAGS = 1
const FILTER_REPLY_FLAGS = 2
const TUPLE_IP = 1
const TUPLE_PROTOCOL = 2
const PROTOCOL_NUMBER = 1
const SOURCE_PORT = 2
const TARGET_PORT = 3
/** Flags of a filter: which of the tuple's parts must be equal. */
const FILTER_BY_PROTOCOL = 1 << 3
const FILTER_BY_TARGET_PORT = 1 << 5
/** The kernel's datagrams have 32 KiB at most. What is found in them is valid until the next one comes. */
const received = Buffer.alloc(65_536)
const NLMSG_HEADER_BYTES = 16
const NFGENMSG_BYTES = 4

/** What to list: with a single port the kernel itself leaves out the others, where it can (Linux 5.8). */
export interface ConnectionsWanted {
  family: 4 | 6
  only: { protocol: "tcp" | "udp"; port: number } | null
}

/** Where there are few ports each is asked for alone; many are all asked for at once. */
export function connectionsOf(ports: readonly PublishedPort[]): ConnectionsWanted[] {
  if (ports.length <= CONNECTION_LISTS_MAX && ports.every(({ count }) => count === 1))
    return ports.map(({ protocol, hostPort: port, to }) => ({ family: familyOf(to), only: { protocol, port } }))
  return [...new Set(ports.map(({ to }) => familyOf(to)))].map((family) => ({ family, only: null }))
}

/**
 * Forgets the connections for which `isStale` says so; returns how many. Nothing is done where the kernel does not tell
 * what it tracks (no CONFIG_NF_CT_NETLINK, or nothing is tracked at all).
 */
export function forgetConnections(
  wanted: readonly ConnectionsWanted[],
  isStale: (connection: TrackedConnection) => boolean,
): number {
  const fd = open()
  if (fd === null) return 0
  try {
    let forgotten = 0
    for (const each of wanted)
      for (const { family, key } of list(fd, each, isStale)) if (forget(fd, family, key)) forgotten++
    return forgotten
  } finally {
    close(fd)
  }
}

function open(): number | null {
  try {
    const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)
    const address = new Uint8Array(12)
    address[0] = AF_NETLINK
    bind(fd, address)
    return fd
  } catch (error) {
    if (isErrno(error, "EPROTONOSUPPORT", "EAFNOSUPPORT")) return null
    throw error
  }
}

interface Entry {
  family: number
  /** What names it: its first tuple, its zone and its id, as they were told. */
  key: Attribute[]
}

/** All of them first: deleting while a dump runs may let it miss some. */
function list(fd: number, wanted: ConnectionsWanted, isStale: (connection: TrackedConnection) => boolean): Entry[] {
  const family = wanted.family === 4 ? AF_INET : AF_INET6
  const request = message(GET, NLM_F_REQUEST | NLM_F_DUMP, family, 0, filterOf(wanted))
  send(fd, request, request.length)
  const found: Entry[] = []
  for (;;) {
    const answers = receive(fd)
    if (answers === null) return found
    for (const { type, body } of answers) {
      if (type === NLMSG_DONE || type === NLMSG_ERROR) return found
      const attributes = attributesOf(body.subarray(NFGENMSG_BYTES))
      const connection = decode(attributes)
      if (connection === null || !isStale(connection)) continue
      const key = [TUPLE_ORIGINAL, ZONE, ID].flatMap((part) => {
        const value = attributes.get(part)
        return value === undefined ? [] : [part === TUPLE_ORIGINAL ? nested(part, [value]) : bytes(part, value)]
      })
      found.push({ family: body.readUInt8(0), key })
    }
  }
}

function filterOf({ only }: ConnectionsWanted): Attribute[] {
  if (only === null) return []
  const protocol = Buffer.from([only.protocol === "tcp" ? 6 : 17])
  const port = Buffer.from([only.port >> 8, only.port & 0xff])
  const tuple = nested(TUPLE_PROTOCOL, [bytes(PROTOCOL_NUMBER, protocol), bytes(TARGET_PORT, port)])
  // These two numbers are in the machine's own order.
  const flags = Buffer.alloc(4)
  flags.writeUInt32LE(FILTER_BY_PROTOCOL | FILTER_BY_TARGET_PORT)
  return [
    nested(TUPLE_ORIGINAL, [tuple]),
    nested(FILTER, [bytes(FILTER_ORIGINAL_FLAGS, flags), number(FILTER_REPLY_FLAGS, 0)]),
  ]
}

/** Null for what has no ports. */
function decode(attributes: Map<number, Buffer>): TrackedConnection | null {
  const asked = attributes.get(TUPLE_ORIGINAL)
  const answer = attributes.get(TUPLE_REPLY)
  if (asked === undefined || answer === undefined) return null
  const [forth, back] = [tupleOf(asked), tupleOf(answer)]
  const protocol = PROTOCOLS.get(forth.protocol)
  if (protocol === undefined) return null
  return {
    protocol,
    askedAddress: forth.target,
    askedPort: forth.targetPort,
    answerAddress: back.source,
    answerPort: back.sourcePort,
  }
}

function tupleOf(tuple: Buffer) {
  const parts = attributesOf(tuple)
  // Source and target of either family, in this order.
  const addresses = listOf(parts.get(TUPLE_IP) ?? Buffer.alloc(0)).sort(([a], [b]) => a - b)
  const ports = attributesOf(parts.get(TUPLE_PROTOCOL) ?? Buffer.alloc(0))
  return {
    protocol: ports.get(PROTOCOL_NUMBER)?.readUInt8(0) ?? 0,
    source: addresses[0]?.[1].toString("hex") ?? "",
    target: addresses[1]?.[1].toString("hex") ?? "",
    sourcePort: ports.get(SOURCE_PORT)?.readUInt16BE(0) ?? 0,
    targetPort: ports.get(TARGET_PORT)?.readUInt16BE(0) ?? 0,
  }
}

/** False where it has ended by itself meanwhile. */
function forget(fd: number, family: number, key: readonly Attribute[]): boolean {
  const request = message(DELETE, NLM_F_REQUEST | NLM_F_ACK, family, 0, key)
  send(fd, request, request.length)
  const answer = receive(fd)?.find(({ type }) => type === NLMSG_ERROR)
  return answer !== undefined && answer.body.readInt32LE(0) === 0
}

/** What the next datagram holds: the kernel has answered before `send` returns, or goes on with a dump as it is read. */
function receive(fd: number): { type: number; body: Buffer }[] | null {
  const length = recv(fd, received, MSG_DONTWAIT)
  if (length < NLMSG_HEADER_BYTES) return null
  const found: { type: number; body: Buffer }[] = []
  for (let at = 0; at + NLMSG_HEADER_BYTES <= length; ) {
    const size = received.readUInt32LE(at)
    found.push({ type: received.readUInt16LE(at + 4), body: received.subarray(at + NLMSG_HEADER_BYTES, at + size) })
    at += (size + 3) & ~3
  }
  return found
}
