/**
 * DNS messages (RFC 1035 section 4, EDNS by RFC 6891), as far as a server in front of other resolvers needs them: a
 * question is read whole, an answer is written, and of what other resolvers say only the head and the question are
 * looked at. No compression pointer is ever followed, so that no message can send the reader in circles.
 */

export const TYPE = {
  A: 1,
  NS: 2,
  SOA: 6,
  PTR: 12,
  AAAA: 28,
  OPT: 41,
  DS: 43,
  DNSKEY: 48,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
}
export const RCODE = {
  ok: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
}
export const CLASS_IN = 1

export const HEADER_BYTES = 12
/** What a client that says nothing takes by UDP (RFC 1035 4.2.1). */
export const PLAIN_UDP_BYTES = 512
/** What fits into any path without being taken apart: 1,280 less the heads of IPv6 and UDP (DNS flag day 2020). */
export const EDNS_UDP_BYTES = 1_232
/** Longest name on the wire, its lengths and its end included (RFC 1035 2.3.4). */
const NAME_MAX_BYTES = 255
/** Records beside the question that a question may come with: OPT, and a signature. */
const EXTRA_RECORDS_MAX = 4
const OPT_BYTES = 11

const QR = 0x8000
const OPCODE = 0x7800
const AA = 0x0400
const TC = 0x0200
const RD = 0x0100
const RA = 0x0080
const AD = 0x0020
const CD = 0x0010

export interface Query {
  id: number
  flags: number
  /** The name as text, folded, without the last dot; null where it has bytes that no name of ours has. */
  name: string | null
  labels: number
  type: number
  class: number
  /** The question as it stands on the wire: name, type, class. */
  question: Uint8Array
  /** Null: the client knows nothing of EDNS. */
  edns: { udpBytes: number; version: number; dnssecOk: boolean } | null
}

/** What a message was that is no question that can be answered: `rcode` null means that there is to be no answer. */
export interface Malformed {
  id: number
  flags: number
  rcode: number | null
}

export type Parsed = { query: Query } | { malformed: Malformed }

/** Reads a question. Whatever the bytes are, it comes back, after a time that their number bounds. */
export function parseQuery(bytes: Uint8Array): Parsed {
  if (bytes.length < HEADER_BYTES) return { malformed: { id: 0, flags: 0, rcode: null } }
  const id = u16(bytes, 0)
  const flags = u16(bytes, 2)
  const wrong = (rcode: number | null): Parsed => ({ malformed: { id, flags, rcode } })
  // An answer is never answered: two servers would never stop.
  if (flags & QR) return wrong(null)
  if (flags & OPCODE) return wrong(RCODE.notImplemented)
  if (u16(bytes, 4) !== 1 || u16(bytes, 6) !== 0 || u16(bytes, 8) !== 0) return wrong(RCODE.formatError)
  const name = readName(bytes, HEADER_BYTES)
  if (name === null || name.end + 4 > bytes.length) return wrong(RCODE.formatError)
  const end = name.end + 4
  const edns = readEdns(bytes, end)
  if (edns === undefined) return wrong(RCODE.formatError)
  const { text, labels } = name
  const question = bytes.slice(HEADER_BYTES, end)
  return {
    query: {
      id,
      flags,
      name: text,
      labels,
      type: u16(bytes, name.end),
      class: u16(bytes, name.end + 2),
      question,
      edns,
    },
  }
}

interface WireName {
  text: string | null
  labels: number
  /** Just behind it. */
  end: number
}

/** A name without pointers: a question, the first name of its message, has nothing to point at. */
function readName(bytes: Uint8Array, start: number): WireName | null {
  let [at, labels, text, isText] = [start, 0, "", true]
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > 63 || at + 1 + length - start >= NAME_MAX_BYTES + 1) return null
    at++
    if (length === 0) break
    if (at + length > bytes.length) return null
    if (labels > 0) text += "."
    for (const stop = at + length; at < stop; at++) {
      const byte = foldByte(bytes[at]!)
      // A dot inside of a label is none between two.
      if (isNameByte(byte)) text += String.fromCharCode(byte)
      else isText = false
    }
    labels++
  }
  return at - start > NAME_MAX_BYTES ? null : { text: isText ? text : null, labels, end: at }
}

function foldByte(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}

/** Letters, digits, `-` and `_`. */
function isNameByte(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f
}

/** The OPT record among the additional ones; undefined where they are malformed, or there are two (RFC 6891 6.1.1). */
function readEdns(bytes: Uint8Array, start: number): Query["edns"] | undefined {
  const count = u16(bytes, 10)
  if (count > EXTRA_RECORDS_MAX) return undefined
  let edns: Query["edns"] = null
  let at = start
  for (let record = 0; record < count; record++) {
    const head = readName(bytes, at)
    if (head === null || head.end + 10 > bytes.length) return undefined
    const next = head.end + 10 + u16(bytes, head.end + 8)
    if (next > bytes.length) return undefined
    if (u16(bytes, head.end) === TYPE.OPT) {
      if (edns !== null || head.labels > 0) return undefined
      const dnssecOk = (bytes[head.end + 6]! & 0x80) !== 0
      edns = { udpBytes: u16(bytes, head.end + 2), version: bytes[head.end + 5]!, dnssecOk }
    }
    at = next
  }
  return edns
}

/** A record of an answer about the name that was asked: its type and its data. */
export interface AnswerRecord {
  type: number
  data: Uint8Array
}

/** Our own answer: authoritative, and says that recursion is to be had. Longer than `maxBytes`: cut off, with the TC bit. */
export function writeAnswer(
  query: Query,
  rcode: number,
  records: readonly AnswerRecord[],
  ttlSeconds: number,
  maxBytes: number,
): Uint8Array {
  const { edns, question } = query
  const tail = edns === null ? 0 : OPT_BYTES
  const body = records.reduce((sum, record) => sum + 12 + record.data.length, 0)
  const fits = HEADER_BYTES + question.length + body + tail <= maxBytes
  const given = fits ? records : []
  const bytes = new Uint8Array(HEADER_BYTES + question.length + (fits ? body : 0) + tail)
  const isOurs = rcode === RCODE.ok || rcode === RCODE.nameError
  put16(bytes, 0, query.id)
  put16(bytes, 2, QR | RA | (query.flags & (RD | CD)) | (isOurs ? AA : 0) | (fits ? 0 : TC) | (rcode & 15))
  put16(bytes, 4, 1)
  put16(bytes, 6, given.length)
  put16(bytes, 10, edns === null ? 0 : 1)
  bytes.set(question, HEADER_BYTES)
  let at = HEADER_BYTES + question.length
  for (const { type, data } of given) {
    // The name is the question's.
    put16(bytes, at, 0xc000 | HEADER_BYTES)
    put16(bytes, at + 2, type)
    put16(bytes, at + 4, CLASS_IN)
    put16(bytes, at + 8, ttlSeconds)
    put16(bytes, at + 10, data.length)
    bytes.set(data, at + 12)
    at += 12 + data.length
  }
  if (edns !== null)
    writeOpt(bytes, at, { udpBytes: EDNS_UDP_BYTES, dnssecOk: edns.dnssecOk, extendedRcode: rcode >> 4 })
  return bytes
}

/** The answer to what could not be read as a question: its head alone. */
export function writeError({ id, flags }: Malformed, rcode: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  put16(bytes, 0, id)
  put16(bytes, 2, QR | (flags & (OPCODE | RD)) | rcode)
  return bytes
}

/** The same question, put together anew for another resolver: nothing else of the client's message travels. */
export function writeUpstreamQuery(query: Query, id: number): Uint8Array {
  const { edns, question } = query
  const bytes = new Uint8Array(HEADER_BYTES + question.length + (edns === null ? 0 : OPT_BYTES))
  put16(bytes, 0, id)
  put16(bytes, 2, RD | (query.flags & (AD | CD)))
  put16(bytes, 4, 1)
  put16(bytes, 10, edns === null ? 0 : 1)
  bytes.set(question, HEADER_BYTES)
  if (edns !== null)
    writeOpt(bytes, HEADER_BYTES + question.length, {
      udpBytes: udpLimit(query),
      dnssecOk: edns.dnssecOk,
      extendedRcode: 0,
    })
  return bytes
}

function writeOpt(
  bytes: Uint8Array,
  at: number,
  opt: { udpBytes: number; dnssecOk: boolean; extendedRcode: number },
): void {
  put16(bytes, at + 1, TYPE.OPT)
  put16(bytes, at + 3, opt.udpBytes)
  bytes[at + 5] = opt.extendedRcode
  bytes[at + 7] = opt.dnssecOk ? 0x80 : 0
}

/** How long an answer by UDP may be. */
export function udpLimit({ edns }: Query): number {
  return edns === null ? PLAIN_UDP_BYTES : Math.min(EDNS_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, edns.udpBytes))
}

/** The code of an answer to `query` that was asked under `id`; null where the message is no answer to it. */
export function answeredCode(query: Query, id: number, bytes: Uint8Array): number | null {
  const { question } = query
  const end = HEADER_BYTES + question.length
  if (bytes.length < HEADER_BYTES || u16(bytes, 0) !== id) return null
  const flags = u16(bytes, 2)
  if (!(flags & QR) || flags & OPCODE) return null
  const rcode = flags & 15
  // Some servers refuse without saying what.
  if (u16(bytes, 4) === 0 && rcode !== RCODE.ok && rcode !== RCODE.nameError) return rcode
  if (u16(bytes, 4) !== 1 || bytes.length < end) return null
  for (let at = 0; at < question.length; at++) {
    const [asked, said] = [question[at]!, bytes[HEADER_BYTES + at]!]
    // The letters' case may differ, and nothing else; type and class are no letters.
    const same = at < question.length - 4 ? foldByte(asked) === foldByte(said) : asked === said
    if (!same) return null
  }
  return rcode
}

/** Another resolver's answer, for the client: under its own id, and by UDP no longer than it takes. */
export function passOn(query: Query, answer: Uint8Array, maxBytes: number): Uint8Array {
  if (answer.length <= maxBytes) {
    const bytes = answer.slice()
    put16(bytes, 0, query.id)
    return bytes
  }
  const bytes = writeAnswer(query, 0, [], 0, maxBytes)
  put16(bytes, 2, (u16(answer, 2) & ~AA) | TC)
  return bytes
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 255
}
