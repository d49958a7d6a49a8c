/**
 * What becomes of a question: an answer of our own, or the question passed on to the host's resolvers. A name that is
 * known is never passed on, whatever is asked about it: where it has no such record, it says so.
 */
import { DNS_TTL_SECONDS } from "../base/limits.ts"
import { addressBytes, reversedAddress } from "./address.ts"
import {
  type AnswerRecord,
  CLASS_IN,
  parseQuery,
  type Query,
  RCODE,
  TYPE,
  udpLimit,
  writeAnswer,
  writeError,
} from "./message.ts"
import type { Asker, Found, Names } from "./names.ts"

/** How a question came; its answer goes the same way. */
export type Way = "udp" | "tcp"

/** By TCP: what two bytes of length can say. */
export const TCP_MESSAGE_MAX_BYTES = 65_535

/** `reply` null: there is to be none. */
export type Outcome = { reply: Uint8Array | null } | { forward: Query }

/** What only a resolver asks about a name of one label, the top of a real tree of names. */
const TOP_LEVEL_TYPES = [TYPE.NS, TYPE.SOA, TYPE.DS, TYPE.DNSKEY]
/** Whole trees are not given out, and not fetched for anybody. */
const TRANSFERS = [TYPE.AXFR, TYPE.IXFR]

/** The outcome for a message that came through this network from this address. */
export function answerMessage(
  names: Names,
  networkId: string,
  address: string,
  message: Uint8Array,
  way: Way,
): Outcome {
  const parsed = parseQuery(message)
  if ("malformed" in parsed) {
    const { malformed } = parsed
    return { reply: malformed.rcode === null ? null : writeError(malformed, malformed.rcode) }
  }
  const { query } = parsed
  if (query.edns !== null && query.edns.version > 0) return { reply: replyTo(query, way, RCODE.badVersion) }
  const asker = names.asker(networkId, address)
  if (asker === null || query.class !== CLASS_IN || TRANSFERS.includes(query.type))
    return { reply: replyTo(query, way, RCODE.refused) }
  return answerQuestion(names, asker, query, way)
}

function answerQuestion(names: Names, asker: Asker, query: Query, way: Way): Outcome {
  const found = lookUp(names, asker, query)
  if (typeof found === "object") return { reply: replyTo(query, way, RCODE.ok, found.known) }
  // Where none of the workload's networks leads outside, nobody else is ever asked.
  const isLocal = found === "unknown" || asker.networks.every((network) => network.internal)
  return isLocal ? { reply: replyTo(query, way, RCODE.nameError) } : { forward: query }
}

function lookUp(names: Names, asker: Asker, { name, labels, type }: Query): Found<AnswerRecord[]> {
  const address = name === null ? null : reversedAddress(name)
  if (address !== null) {
    const found = names.namesOf(asker, address)
    return typeof found === "string" ? found : { known: wants(type, TYPE.PTR) ? found.known.flatMap(pointer) : [] }
  }
  const found = name === null ? "elsewhere" : names.addressesOf(asker, name)
  if (typeof found === "object") return { known: found.known.flatMap((text) => addressRecord(text, type)) }
  // A name of one label is a workload's or nobody's: passed on, it would tell strangers what is looked for in here, and
  // would have to wait for resolvers that do not answer.
  return labels === 1 && !TOP_LEVEL_TYPES.includes(type) ? "unknown" : found
}

function wants(asked: number, type: number): boolean {
  return asked === type || asked === TYPE.ANY
}

function addressRecord(text: string, asked: number): AnswerRecord[] {
  const data = addressBytes(text)
  if (data === null) return []
  const type = data.length === 4 ? TYPE.A : TYPE.AAAA
  return wants(asked, type) ? [{ type, data }] : []
}

/** None for a name that DNS cannot say, having two dots in a row. */
function pointer(name: string): AnswerRecord[] {
  const labels = name.split(".")
  if (labels.some((label) => label === "" || label.length > 63)) return []
  const data = Uint8Array.from(labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]).concat(0))
  return [{ type: TYPE.PTR, data }]
}

/** An answer of our own, as long as its way allows. */
export function replyTo(query: Query, way: Way, rcode: number, records: readonly AnswerRecord[] = []): Uint8Array {
  return writeAnswer(query, rcode, records, DNS_TTL_SECONDS, replyLimit(query, way))
}

export function replyLimit(query: Query, way: Way): number {
  return way === "udp" ? udpLimit(query) : TCP_MESSAGE_MAX_BYTES
}
