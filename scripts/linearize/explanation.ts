/** Says in words why a history is not linearizable: what can be put in order, and the operation that has no place. */
import type { Blocked } from "./checker.ts"
import type { Operation } from "./history.ts"
import { keyOfStore } from "./kv.ts"
import type { Model } from "./model.ts"
import type { Disorder } from "./revisions.ts"

/** The end of an order is what matters; this many of its operations are shown. */
const ORDER_SHOWN_MAX = 20

function operationText<C, A, S>(model: Model<C, A, S>, operation: Operation<C, A>): string {
  const { process, call, answer, invokedAt, returnedAt } = operation
  const lines = answer === null ? `${invokedAt}-` : `${invokedAt}-${returnedAt}`
  const outcome = answer === null ? "unknown" : model.answerText(answer)
  return `lines ${lines}, process ${process}: ${model.callText(call)} -> ${outcome}`
}

export function blockedText<C, A, S>(model: Model<C, A, S>, { order, operation, states }: Blocked<C, A, S>): string[] {
  const shown = order.slice(-ORDER_SHOWN_MAX)
  const hidden = order.length - shown.length
  const count = order.length === 1 ? "1 operation" : `${order.length} operations`
  return [
    `${count} can be put in order, up to what was answered on line ${operation.returnedAt}:`,
    ...(hidden > 0 ? [`  (${hidden} before these)`] : []),
    ...shown.map((placed) => `  ${operationText(model, placed)}`),
    "no order has a place for",
    `  ${operationText(model, operation)}`,
    `where it would have to be, there can only be: ${states.map((state) => model.stateText(state)).join(" | ")}`,
  ]
}

export function disorderText({ operation, why }: Disorder): string[] {
  return ["the store's revisions contradict each other at", `  ${operationText(keyOfStore, operation)}`, why]
}
