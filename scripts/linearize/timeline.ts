/**
 * A history as a list to take operations out of and put back: invocations and answers in the order in which they were
 * recorded. What is left before the first answer is what may have happened next: the operation of that answer must have
 * happened by then, and whatever was invoked later cannot have.
 *
 * Operations of unknown outcome have no answer, hold nothing up, and stand in a list of their own.
 */
import type { Operation } from "./history.ts"

export interface Entry<Call, Answer> {
  operation: Operation<Call, Answer>
  /** Among the answered operations, or among those of unknown outcome, in the order of invocation. */
  index: number
  kind: "call" | "return" | "open" | "head"
  at: number
  /** The answer of a "call". */
  answer: Entry<Call, Answer> | null
  /** For an "open" one: the open operation before it that asked for the same. It may as well come first. */
  twin: Entry<Call, Answer> | null
  taken: boolean
  previous: Entry<Call, Answer> | null
  next: Entry<Call, Answer> | null
}

export interface Timeline<Call, Answer> {
  /** Stands before the first entry; its `next` is the first one left. */
  answered: Entry<Call, Answer>
  open: Entry<Call, Answer>
  answeredCount: number
}

function entry<C, A>(operation: Operation<C, A>, index: number, kind: Entry<C, A>["kind"], at: number): Entry<C, A> {
  return { operation, index, kind, at, answer: null, twin: null, taken: false, previous: null, next: null }
}

/** Chains the entries behind a head and gives the head. */
function chain<C, A>(entries: Entry<C, A>[]): Entry<C, A> {
  const nobody: Operation<C, A> = {
    process: "",
    call: undefined as C,
    answer: null,
    invokedAt: Number.NEGATIVE_INFINITY,
    returnedAt: Number.NEGATIVE_INFINITY,
  }
  const head = entry(nobody, -1, "head", Number.NEGATIVE_INFINITY)
  let last = head
  for (const next of entries) {
    last.next = next
    next.previous = last
    last = next
  }
  return head
}

export function timelineOf<C, A>(operations: readonly Operation<C, A>[]): Timeline<C, A> {
  const inOrder = [...operations].sort((a, b) => a.invokedAt - b.invokedAt)
  const answered = inOrder.filter((operation) => operation.answer !== null)
  const open = inOrder.filter((operation) => operation.answer === null)
  return { answered: chain(answeredEntries(answered)), open: chain(openEntries(open)), answeredCount: answered.length }
}

function answeredEntries<C, A>(operations: Operation<C, A>[]): Entry<C, A>[] {
  const entries = operations.flatMap((operation, index) => {
    const call = entry(operation, index, "call", operation.invokedAt)
    call.answer = entry(operation, index, "return", operation.returnedAt)
    return [call, call.answer]
  })
  return entries.sort((a, b) => a.at - b.at)
}

function openEntries<C, A>(operations: Operation<C, A>[]): Entry<C, A>[] {
  const twins = new Map<string, Entry<C, A>>()
  return operations.map((operation, index) => {
    const opened = entry(operation, index, "open", operation.invokedAt)
    const wish = JSON.stringify(operation.call)
    opened.twin = twins.get(wish) ?? null
    twins.set(wish, opened)
    return opened
  })
}

function unlink<C, A>(entry: Entry<C, A>): void {
  entry.previous!.next = entry.next
  if (entry.next !== null) entry.next.previous = entry.previous
}

function relink<C, A>(entry: Entry<C, A>): void {
  entry.previous!.next = entry
  if (entry.next !== null) entry.next.previous = entry
}

/** Takes an operation out: its "call" with its answer, or an "open" one. */
export function lift<C, A>(entry: Entry<C, A>): void {
  entry.taken = true
  unlink(entry)
  if (entry.answer !== null) unlink(entry.answer)
}

/** Undoes the last `lift` that is not undone yet. */
export function unlift<C, A>(entry: Entry<C, A>): void {
  if (entry.answer !== null) relink(entry.answer)
  relink(entry)
  entry.taken = false
}
