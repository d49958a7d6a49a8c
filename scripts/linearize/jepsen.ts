/**
 * Reads the log of a Jepsen test of a compare-and-swap register: lines such as
 *
 *     INFO  jepsen.util - 3	:invoke	:cas	[1 2]
 *     INFO  jepsen.util - 3	:fail	:cas	[1 2]
 *
 * `:ok` is an answer, `:info` an unknown outcome, `:fail` means that it did not happen. A cas that fails with its own
 * arguments was answered: the register held something else. Other lines of the log are passed over.
 */
import { HistoryError, type Operation, Recorder } from "./history.ts"
import type { RegisterAnswer, RegisterCall, Value } from "./register.ts"

const EVENT = /(?:^|\s)(\d+)\s+:(invoke|ok|fail|info)\s+:([\w-]+)(?:\s+(.*?))?\s*$/
const PAIR = /^\[(\S+)\s+(\S+)\]$/

/** Throws HistoryError. */
export function parseJepsen(text: string): Operation<RegisterCall, RegisterAnswer>[] {
  const recorder = new Recorder<RegisterCall, RegisterAnswer>()
  for (const [index, line] of text.split("\n").entries()) {
    const [, process, kind, name, argument = ""] = EVENT.exec(line) ?? []
    if (process === undefined || kind === undefined || name === undefined) continue
    if (kind === "invoke") recorder.invoke(index + 1, process, callOf(index + 1, name, argument))
    else end(recorder, { line: index + 1, process, kind, name, argument })
  }
  return recorder.history()
}

function valueFrom(line: number, text: string): Value {
  if (text === "nil") return null
  if (!/^-?\d+$/.test(text)) throw new HistoryError(line, `${text} is neither a number nor nil`)
  return text
}

function callOf(line: number, name: string, argument: string): RegisterCall {
  if (name === "read") return { op: "read" }
  if (name === "write") return { op: "write", value: valueFrom(line, argument) }
  if (name !== "cas") throw new HistoryError(line, `:${name} is not an operation of a register`)
  const [, expected, value] = PAIR.exec(argument) ?? []
  if (expected === undefined || value === undefined) throw new HistoryError(line, ":cas wants [expected value]")
  return { op: "cas", expected: valueFrom(line, expected), value: valueFrom(line, value) }
}

interface Ending {
  line: number
  process: string
  kind: string
  name: string
  argument: string
}

function end(recorder: Recorder<RegisterCall, RegisterAnswer>, ending: Ending): void {
  const { line, process, kind, name, argument } = ending
  const call = recorder.pending(line, process)
  if (call.op !== name) throw new HistoryError(line, `process ${process} asked for :${call.op}, not for :${name}`)
  if (kind === "info") recorder.lose(line, process)
  else if (kind === "ok") recorder.answer(line, process, answerOf(line, call, argument))
  else if (call.op === "cas" && PAIR.test(argument)) recorder.answer(line, process, { swapped: false })
  else recorder.refuse(line, process)
}

function answerOf(line: number, call: RegisterCall, argument: string): RegisterAnswer {
  if (call.op === "read") return { value: valueFrom(line, argument) }
  return call.op === "cas" ? { swapped: true } : { written: true }
}
