import { OvlError } from "../../../base/errors.ts"
import { KV_VALUE_MAX_BYTES } from "../../../base/limits.ts"
import type { KvCondition } from "../../../client/kv.ts"
import { defineCommand } from "../../command.ts"
import { readInput } from "../../input.ts"
import type { Io } from "../../io.ts"
import { keyOf } from "../../kv/key.ts"
import { casIndex } from "../../kv/numbers.ts"
import { count } from "../../render/text.ts"
import { optionMissing, usageError } from "../../usage.ts"

export const kvPut = defineCommand({
  path: ["kv", "put"],
  task: "Keys and values",
  summary: "Set a key",
  details:
    "Without VALUE the value is empty. Whoever waits on the key is woken only if something about it changes. Exits 4, and writes nothing, where --cas finds another index or a lock is not to be had.",
  examples: [
    { what: "Some text", line: "ovl kv put config/web/port 8080" },
    { what: "A file, byte for byte", line: "ovl kv put config/web/cert @cert.pem" },
    { what: "What a program prints", line: "date | ovl kv put last-run -" },
    { what: "Only if nobody was there before", line: "ovl kv put jobs/7/owner me --cas --modify-index 0" },
  ],
  arguments: {
    key: { name: "KEY", description: "The key", required: true, takes: "one", holds: "key" },
    value: {
      name: "VALUE",
      description: "The value; - reads standard input, @FILE a file",
      required: false,
      takes: "one",
    },
  },
  options: {
    flags: {
      kind: "text",
      value: "N",
      description: "A number of 64 bits for whoever reads it (default: 0)",
      holds: "uint64",
    },
    base64: { kind: "flag", description: "VALUE is base64 of what is to be written" },
    cas: { kind: "flag", description: "Only if the key's index is that of --modify-index" },
    "modify-index": {
      kind: "text",
      value: "N",
      config: "",
      description: "The key's ModifyIndex; 0 for a key that is not there",
      holds: "uint64",
    },
    acquire: { kind: "flag", description: "Lock the key for --session" },
    release: { kind: "flag", description: "Give up the lock of --session" },
    session: { kind: "text", value: "ID", config: "", description: "A session, as PUT /v1/session/create makes them" },
  },
  async run(context) {
    const { options } = context
    const key = keyOf(context.arguments.key)
    const condition = conditionOf(options)
    const value = valueGiven(context.io, context.arguments.value ?? "", options.base64)
    const { kv } = await context.client()
    const write = { key, value, flags: BigInt(options.flags ?? 0) }
    if (!(await kv.put(write, condition))) throw refusal(key, condition)
    if (context.settings.json) context.document({ key, written: true })
    else context.remark(`wrote ${key} (${count(value.length, "byte")})`)
    return 0
  },
})

interface PutOptions {
  cas: boolean
  "modify-index": string | undefined
  acquire: boolean
  release: boolean
  session: string | undefined
}

function conditionOf(options: PutOptions): KvCondition {
  const { acquire, release, session } = options
  const cas = casIndex("kv put", options.cas, options["modify-index"])
  if ([options.cas, acquire, release].filter((each) => each).length > 1)
    throw usageError(
      "conditions_conflict",
      "kv put: of --cas, --acquire and --release only one can be used",
      "leave out the others",
    )
  if (!acquire && !release) {
    if (session === undefined) return { cas }
    throw usageError("session_unused", "kv put: --session wants --acquire or --release", "add one of them")
  }
  if (session === undefined)
    throw optionMissing("kv put", "--session", "name the session that locks the key: --session ID")
  return acquire ? { acquire: session } : { release: session }
}

function valueGiven(io: Io, text: string, isBase64: boolean): Uint8Array {
  const value = bytesOf(io, text)
  const decoded = isBase64 ? fromBase64(new TextDecoder().decode(value)) : value
  if (decoded.length <= KV_VALUE_MAX_BYTES) return decoded
  throw new OvlError(
    "value_too_large",
    `kv put: the value has ${decoded.length} bytes, more than ${KV_VALUE_MAX_BYTES}`,
    { kind: "too_large", hint: "divide it among several keys" },
  )
}

function bytesOf(io: Io, text: string): Uint8Array {
  // Room for base64 of the largest value and its line ends; what is too large then is said with its size.
  const maxBytes = 2 * KV_VALUE_MAX_BYTES
  if (text === "-") return readInput(io, text, maxBytes, "a value")
  if (text.startsWith("@")) return readInput(io, text.slice(1), maxBytes, "a value")
  return new TextEncoder().encode(text)
}

function fromBase64(text: string): Uint8Array {
  const digits = text.replace(/\s/g, "")
  const bytes = Buffer.from(digits, "base64")
  if (bytes.toString("base64") === digits) return bytes
  throw usageError("base64_invalid", "kv put: the value is not base64", "leave out --base64 to write it as it is")
}

function refusal(key: string, condition: KvCondition): OvlError {
  if (condition.acquire !== undefined)
    return new OvlError("lock_not_acquired", `kv put ${key}: another session has locked it, or did a moment ago`, {
      kind: "conflict",
      hint: `\`ovl kv get ${key} --detailed\` shows which`,
    })
  if (condition.release !== undefined)
    return new OvlError("lock_not_held", `kv put ${key}: session ${condition.release} has not locked it`, {
      kind: "conflict",
      hint: `\`ovl kv get ${key} --detailed\` shows which has`,
    })
  return casFailed(`kv put ${key}`, key)
}

/** Somebody else was faster. */
export function casFailed(what: string, key: string): OvlError {
  return new OvlError("cas_failed", `${what}: its index is another one by now`, {
    kind: "conflict",
    hint: `\`ovl kv get ${key} --detailed\` shows it`,
  })
}
