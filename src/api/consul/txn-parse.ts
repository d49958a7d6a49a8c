/** The body of `PUT /v1/txn` as verbs of the store, checked as Consul does (CONSUL-API section 4). */
import { isProtectedKey, kvKey, protectedPrefix } from "../../registry/keys.ts"
import type { KvVerb } from "../../store/port.ts"
import { consulText } from "../errors.ts"
import { parseUint64, toByteString } from "./decode.ts"
import { field, isObject, JsonNumber, type JsonObject } from "./json.ts"
import { refuseProtected } from "./kv-key.ts"

export interface TxnError {
  OpIndex: number
  What: string
}

export interface TxnLimits {
  kvPrefix: string
  valueMaxBytes: number
  operationsMax: number
}

export type Parsed = { verbs: KvVerb[] } | { errors: TxnError[] } | { refusal: Response }

/** Kinds of operations that Consul has for its service registry, which there is none of here. */
const OTHER_KINDS = ["Node", "Service", "Check", "Session"]
const FIELDS = ["Verb", "Key", "Value", "Flags", "Index", "Session", "Namespace", "Partition"]
const READING = new Set(["get", "get-or-empty", "get-tree", "check-session", "check-index", "check-not-exists"])

export function onlyReads(verbs: KvVerb[]): boolean {
  return verbs.every(({ verb }) => READING.has(verb))
}

/** Throws SyntaxError where something is no such JSON as it should be. */
export function parseTxn(body: unknown, limits: TxnLimits): Parsed {
  if (body !== null && !Array.isArray(body)) throw new SyntaxError("the body is no list")
  const operations: unknown[] = body ?? []
  if (operations.length > limits.operationsMax) {
    const count = `(${operations.length} > ${limits.operationsMax})`
    return { refusal: consulText(413, `Transaction contains too many operations ${count}`) }
  }
  const verbs: KvVerb[] = []
  const errors: TxnError[] = []
  for (const [index, operation] of operations.entries()) {
    if (!isObject(operation)) throw new SyntaxError(`operation ${index} is no object`)
    const one = parseOperation(operation, limits)
    if (one instanceof Response) return { refusal: one }
    if (typeof one === "string") errors.push({ OpIndex: index, What: one })
    else verbs.push(one)
  }
  return errors.length > 0 ? { errors } : { verbs }
}

/** The verb, what is wrong with the operation, or the refusal of the whole transaction. */
function parseOperation(operation: JsonObject, limits: TxnLimits): KvVerb | string | Response {
  checkFields(operation, ["KV", ...OTHER_KINDS])
  const kv = field(operation, "KV")
  if (kv === undefined) {
    const other = OTHER_KINDS.find((kind) => field(operation, kind) !== undefined)
    return other ? `${other} operations are not served: there is no service registry` : "unknown operation type"
  }
  if (!isObject(kv)) throw new SyntaxError("KV is no object")
  checkFields(kv, FIELDS)
  const given = text(kv, "Key")
  const value = bytes(kv)
  if (value.length > limits.valueMaxBytes) {
    const size = `(${value.length} > ${limits.valueMaxBytes} bytes)`
    return consulText(413, `Value for key ${JSON.stringify(given)} is too large ${size}`)
  }
  const key = toByteString(given).replace(/^\/+/, "")
  const verb = makeVerb(text(kv, "Verb"), kv, { key: kvKey(key), value }, limits.kvPrefix)
  const writes = typeof verb !== "string" && !READING.has(verb.verb)
  // A tree that reaches over what is protected leaves that alone; one that lies inside is refused as a key is.
  return (writes && isProtectedKey(limits.kvPrefix, key) && refuseProtected(limits.kvPrefix, key)) || verb
}

function makeVerb(
  verb: string,
  kv: JsonObject,
  { key, value }: { key: string; value: Uint8Array },
  kvPrefix: string,
): KvVerb | string {
  const flags = uint64(kv, "Flags")
  // An index beyond what a number holds exactly is beyond every index there is, and so is its rounded value.
  const index = Number(uint64(kv, "Index"))
  const session = text(kv, "Session")
  switch (verb) {
    case "set":
      return { verb, key, value, flags }
    case "cas":
      return { verb, key, value, flags, index }
    case "lock":
    case "unlock":
      return { verb, key, value, flags, session }
    case "delete":
    case "get":
    case "get-or-empty":
    case "get-tree":
    case "check-not-exists":
      return { verb, key }
    case "delete-cas":
    case "check-index":
      return { verb, key, index }
    case "delete-tree":
      return { verb, key, except: [kvKey(protectedPrefix(kvPrefix))] }
    case "check-session":
      return { verb, key, session }
    default:
      return `unknown KV operation: ${verb}`
  }
}

function checkFields(object: JsonObject, known: string[]): void {
  for (const name of Object.keys(object))
    if (!known.some((one) => one.toLowerCase() === name.toLowerCase()))
      throw new SyntaxError(`unknown field ${JSON.stringify(name)}`)
}

function text(object: JsonObject, name: string): string {
  const value = field(object, name) ?? ""
  if (typeof value !== "string") throw new SyntaxError(`${name} is no string`)
  return value
}

function uint64(object: JsonObject, name: string): bigint {
  const value = field(object, name)
  if (value === undefined) return 0n
  const parsed = value instanceof JsonNumber ? parseUint64(value.text) : { problem: "" }
  if ("problem" in parsed) throw new SyntaxError(`${name} is no unsigned 64-bit number`)
  return parsed.value
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Go's base64.StdEncoding, which leaves line ends out of account. */
function bytes(kv: JsonObject): Uint8Array {
  const base64 = text(kv, "Value").replace(/[\r\n]/g, "")
  if (!BASE64.test(base64)) throw new SyntaxError("Value is no base64")
  return Buffer.from(base64, "base64")
}
