/** One register with read, write and compare-and-swap, as Jepsen's test of etcd uses it. It begins as nil. */
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"

/** A value as the history writes it; null is nil. */
export type Value = string | null

export type RegisterCall = { op: "read" } | { op: "write"; value: Value } | { op: "cas"; expected: Value; value: Value }

/** `value` is what a read found. A compare-and-swap with `swapped: false` found something else than it expected. */
export type RegisterAnswer = { value: Value } | { swapped: boolean } | { written: true }

function step(state: Value, call: RegisterCall, answer: RegisterAnswer | null): Value | undefined {
  switch (call.op) {
    case "read":
      return answer === null || ("value" in answer && answer.value === state) ? state : undefined
    case "write":
      return call.value
    case "cas": {
      const matches = call.expected === state
      if (answer !== null && !("swapped" in answer && answer.swapped === matches)) return undefined
      return matches ? call.value : state
    }
  }
}

/** Stands for all values that nobody reads; no value of a history has a blank. */
const UNREAD = "not read"

function alike(operations: readonly Operation<RegisterCall, RegisterAnswer>[]): RegisterCall[] {
  const seen = new Set<Value>()
  for (const { call, answer } of operations) {
    if (answer !== null && "value" in answer) seen.add(answer.value)
    if (call.op === "cas") seen.add(call.expected)
  }
  return operations.map(({ call, answer }) => {
    const isUnread = answer === null && call.op === "write" && !seen.has(call.value)
    return isUnread ? { op: "write", value: UNREAD } : call
  })
}

const text = (value: Value) => value ?? "nil"

function answerText(answer: RegisterAnswer): string {
  if ("value" in answer) return text(answer.value)
  return "swapped" in answer && !answer.swapped ? "not what it expected" : "ok"
}

export const register: Model<RegisterCall, RegisterAnswer, Value> = {
  initial: null,
  step,
  key: (state) => (state === null ? "nil" : `=${state}`),
  covers: (state, lesser) => state === lesser,
  isBlind: (call) => call.op === "write",
  isRead: (call, answer) => call.op === "read" || ("swapped" in answer && !answer.swapped),
  isTooLate: () => false,
  alike,
  callText: (call) => {
    if (call.op === "read") return "read"
    return call.op === "write" ? `write ${text(call.value)}` : `cas ${text(call.expected)} to ${text(call.value)}`
  },
  answerText,
  stateText: text,
}
