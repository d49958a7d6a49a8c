/**
 * All links, addresses and routes of a namespace in one conversation, on a socket that lives no longer than that. A
 * thousand namespaces are looked at one after another, and most are as they were the last time: so the answer is first
 * bytes, the same bytes for the same state, and read into values only where they differ.
 */
import {
  AF_NETLINK,
  close,
  type MmsgHeaders,
  MSG_DONTWAIT,
  mmsgHeaders,
  recvmmsg,
  SOCK_CLOEXEC,
  SOCK_RAW,
  send,
  socket,
} from "../linux/libc.ts"
import { withNamespace } from "../linux/namespaces.ts"
import { type Address, decodeAddress } from "./addr.ts"
import {
  IFLA_EXT_MASK,
  NETLINK_ROUTE,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
  RTEXT_FILTER_SKIP_STATS,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
} from "./constants.ts"
import { decodeLink, type Link } from "./link-decode.ts"
import { forEachMessage, MessageWriter } from "./message.ts"
import { decodeRoute, type Route } from "./route.ts"

export interface Survey {
  links: Link[]
  addresses: Address[]
  /** Of all tables. */
  routes: Route[]
}

/** Of the fixed headers `struct ifinfomsg`, `ifaddrmsg`, `rtmsg`. */
const [IFINFOMSG_WORDS, IFADDRMSG_WORDS, RTMSG_WORDS] = [4, 2, 3]
/** Room for everything, and for each of the parts in which an answer comes: the kernel makes them of 32 KiB at most. */
const SURVEY_BYTES = 131_072
const PART_BYTES = 32_768
const PARTS = 4
/** `nlmsg_pid`: the socket's own number, another one each time. */
const PORT_OFFSET = 12

interface Room {
  questions: Uint8Array[]
  parts: MmsgHeaders
  partsView: DataView
  bytes: Uint8Array
  view: DataView
}

let room: Room | undefined

function makeRoom(): Room {
  const parts = mmsgHeaders(PARTS, PART_BYTES)
  const bytes = new Uint8Array(SURVEY_BYTES)
  const view = new DataView(bytes.buffer)
  // Of all families at once: one question less is a tenth of the time.
  const questions = [
    question(RTM_GETLINK, IFINFOMSG_WORDS),
    question(RTM_GETADDR, IFADDRMSG_WORDS),
    question(RTM_GETROUTE, RTMSG_WORDS),
  ]
  return { questions, parts, partsView: new DataView(parts.arena.buffer), bytes, view }
}

/** A list of all there is: the fixed header is all zero. */
function question(type: number, words: number): Uint8Array {
  const writer = new MessageWriter(0)
  writer.begin(type, NLM_F_REQUEST | NLM_F_DUMP, type)
  for (let word = 0; word < words; word++) writer.u32(0)
  if (type === RTM_GETLINK) writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
  writer.end()
  return writer.bytes.slice(0, writer.position)
}

/**
 * Asks in the namespace behind an open descriptor. The bytes are valid until the next call. Null where this way cannot
 * tell, and the long way must be taken: there is too much, or something changed meanwhile.
 */
export function takeSurvey(namespace: number): Uint8Array | null {
  room ??= makeRoom()
  const fd = withNamespace(namespace, () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE))
  try {
    let end = 0
    for (const question of room.questions) {
      send(fd, question, question.length)
      const next = takeAnswer(fd, room, end)
      if (next === null) return null
      end = next
    }
    return room.bytes.subarray(0, end)
  } finally {
    close(fd)
  }
}

/** Puts one answer behind the others, without what differs from time to time. Returns where it ends. */
function takeAnswer(fd: number, { parts, partsView, bytes, view }: Room, start: number): number | null {
  for (let end = start; ; ) {
    const received = recvmmsg(fd, parts, MSG_DONTWAIT)
    for (let part = 0; part < received; part++) {
      const from = part * PART_BYTES
      const length = parts.length(part)
      if (parts.truncated(part) || end + length > SURVEY_BYTES) return null
      if (partsView.getUint16(from + 4, true) === NLMSG_DONE) return end
      bytes.set(parts.arena.subarray(from, from + length), end)
      for (const limit = end + length; end < limit; ) {
        const size = view.getUint32(end, true)
        if (size < NLMSG_HEADER_BYTES || end + size > limit) return null
        const type = view.getUint16(end + 4, true)
        if (type === NLMSG_ERROR || (view.getUint16(end + 6, true) & NLM_F_DUMP_INTR) !== 0) return null
        if (type === NLMSG_DONE) return end
        view.setUint32(end + PORT_OFFSET, 0, true)
        end += (size + 3) & ~3
      }
    }
    if (received <= 0) return null
  }
}

/** What `takeSurvey` has brought. */
export function readSurvey(bytes: Uint8Array): Survey {
  const survey: Survey = { links: [], addresses: [], routes: [] }
  forEachMessage(bytes, bytes.length, (message) => {
    if (message.type === RTM_NEWLINK) survey.links.push(decodeLink(message))
    else if (message.type === RTM_NEWADDR) {
      const address = decodeAddress(message)
      if (address !== null) survey.addresses.push(address)
    } else if (message.type === RTM_NEWROUTE) {
      const route = decodeRoute(message)
      if (route !== null) survey.routes.push(route)
    }
  })
  return survey
}
