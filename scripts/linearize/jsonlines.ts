/**
 * Reads a history of ovl's store: JSON, one event a line, after a line that says what it is. docs/linearizability.md
 * describes the format to those who write it.
 */
import { z } from "zod"
import { HistoryError, type Operation, Recorder } from "./history.ts"
import type { KvAnswer, KvCall } from "./kv.ts"

const revision = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const more = { time: z.number().optional(), note: z.string().optional() }
const process = z.union([z.number().int(), z.string().min(1)]).transform(String)

const Header = z.strictObject({ history: z.literal("kv"), version: z.literal(1), note: z.string().optional() })

const Invoke = z.discriminatedUnion("op", [
  z.strictObject({ type: z.literal("invoke"), process, op: z.literal("get"), key: z.string(), ...more }),
  z.strictObject({ type: z.literal("invoke"), process, op: z.literal("delete"), key: z.string(), ...more }),
  z.strictObject({
    type: z.literal("invoke"),
    process,
    op: z.literal("put"),
    key: z.string(),
    value: z.string(),
    ...more,
  }),
  z.strictObject({
    type: z.literal("invoke"),
    process,
    op: z.literal("cas"),
    key: z.string(),
    expected: revision,
    value: z.string(),
    ...more,
  }),
])

const Ending = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("ok"),
    process,
    value: z.string().nullable().optional(),
    swapped: z.boolean().optional(),
    revision: revision.optional(),
    ...more,
  }),
  z.strictObject({ type: z.literal("fail"), process, ...more }),
  z.strictObject({ type: z.literal("info"), process, ...more }),
])

const Event = z.union([Invoke, Ending])
type Ok = Extract<z.infer<typeof Ending>, { type: "ok" }>

/** Throws HistoryError. A last line that was cut off, as by the end of the recorder, is passed over. */
export function parseJsonLines(text: string): Operation<KvCall, KvAnswer>[] {
  const recorder = new Recorder<KvCall, KvAnswer>()
  const lines = text.split("\n")
  let began = false
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue
    const parsed = parseLine(line)
    const number = index + 1
    if (parsed === undefined && index === lines.length - 1) break
    if (parsed === undefined) throw new HistoryError(number, "it is not JSON")
    if (began) record(recorder, number, parsed)
    else if (!Header.safeParse(parsed).success) {
      throw new HistoryError(number, 'a history begins with {"history":"kv","version":1}')
    }
    began = true
  }
  return recorder.history()
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function record(recorder: Recorder<KvCall, KvAnswer>, line: number, parsed: unknown): void {
  const result = Event.safeParse(parsed)
  if (!result.success) throw new HistoryError(line, `it is not an event: ${whyNot(parsed)}`)
  const event = result.data
  if (event.type === "invoke") recorder.invoke(line, event.process, callOf(event))
  else if (event.type === "info") recorder.lose(line, event.process)
  else if (event.type === "fail") recorder.refuse(line, event.process)
  else recorder.answer(line, event.process, answerOf(line, recorder.pending(line, event.process), event))
}

/** The complaint of the schema that was most likely meant. */
function whyNot(parsed: unknown): string {
  const type = typeof parsed === "object" && parsed !== null && "type" in parsed ? parsed.type : undefined
  const result = (type === "invoke" ? Invoke : Ending).safeParse(parsed)
  return (result.error?.issues ?? [])
    .map((issue) => [issue.path.join("."), issue.message].filter((word) => word !== "").join(": "))
    .join("; ")
}

function callOf(event: z.infer<typeof Invoke>): KvCall {
  switch (event.op) {
    case "put":
      return { op: "put", key: event.key, value: event.value }
    case "cas":
      return { op: "cas", key: event.key, expected: event.expected, value: event.value }
    default:
      return { op: event.op, key: event.key }
  }
}

/** The answer, if it is one to this call. */
function answerOf(line: number, call: KvCall, { value, swapped, revision }: Ok): KvAnswer {
  const wrong = (why: string) => new HistoryError(line, `it does not answer a ${call.op}: ${why}`)
  if ((call.op === "get") !== (value !== undefined)) throw wrong("value is for get, which must have it")
  if ((call.op === "cas") !== (swapped !== undefined)) throw wrong("swapped is for cas, which must have it")
  if (revision !== undefined && (value === null || swapped === false)) throw wrong("there was nothing to be revised")
  return {
    ...(value === undefined ? {} : { value }),
    ...(swapped === undefined ? {} : { swapped }),
    ...(revision === undefined ? {} : { revision }),
  }
}
