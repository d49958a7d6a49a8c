/**
 * What no look at one key can see: revisions are the whole store's. Each change has one of its own; once an answer has
 * told a revision, whatever is invoked later and changes something gets a greater one, and whatever is read later has
 * every change up to it.
 *
 * Keys are checked one by one for linearizability, and this beside it for all of them together: two leaders at once,
 * each with its own keys, look innocent key by key.
 */
import type { Operation } from "./history.ts"
import type { KvAnswer, KvCall } from "./kv.ts"

type KvOperation = Operation<KvCall, KvAnswer>

export interface Disorder {
  operation: KvOperation
  why: string
}

/** A change with its revision. */
interface Change {
  operation: KvOperation
  revision: number
}

/** The first violation, or null. */
export function findDisorder(operations: readonly KvOperation[]): Disorder | null {
  const changes = certainChanges(operations)
  return sharedRevision(changes) ?? outOfTime(operations, changes)
}

const written = (call: KvCall) => ("value" in call ? JSON.stringify([call.key, call.value]) : null)

/** Writes that were done for certain and of which the revision is known: what else writes the same may have been first. */
function certainChanges(operations: readonly KvOperation[]): Change[] {
  const writers = new Map<string, number>()
  for (const { call } of operations) {
    const what = written(call)
    if (what !== null) writers.set(what, (writers.get(what) ?? 0) + 1)
  }
  return operations.flatMap((operation) => {
    const what = written(operation.call)
    const revision = operation.answer?.revision
    const isCertain = what !== null && writers.get(what) === 1 && revision !== undefined
    return isCertain ? [{ operation, revision }] : []
  })
}

function sharedRevision(changes: readonly Change[]): Disorder | null {
  const owners = new Map<number, KvOperation>()
  for (const { operation, revision } of changes) {
    const other = owners.get(revision)
    if (other !== undefined) {
      return { operation, why: `its revision ${revision} is also that of line ${other.returnedAt}` }
    }
    owners.set(revision, operation)
  }
  return null
}

/** Goes through the events in order and holds each answer against what was known when its question was asked. */
function outOfTime(operations: readonly KvOperation[], changes: readonly Change[]): Disorder | null {
  const isChange = new Set(changes.map((change) => change.operation))
  const history = revisionsByKey(changes)
  const knownWhenAsked = new Map<KvOperation, Witness>()
  let known: Witness = { revision: 0, line: 0 }
  for (const { operation, isAnswer } of eventsOf(operations)) {
    if (!isAnswer) {
      knownWhenAsked.set(operation, known)
      continue
    }
    const why = contradiction(operation, isChange.has(operation), knownWhenAsked.get(operation)!, history)
    if (why !== null) return { operation, why }
    const revision = operation.answer?.revision ?? 0
    if (revision > known.revision) known = { revision, line: operation.returnedAt }
  }
  return null
}

interface Witness {
  revision: number
  line: number
}

function contradiction(
  operation: KvOperation,
  isChange: boolean,
  before: Witness,
  history: Map<string, number[]>,
): string | null {
  const revision = operation.answer?.revision
  if (revision === undefined) return null
  const known = `line ${before.line} had told of revision ${before.revision} before this was asked`
  if (operation.call.op !== "get") {
    const isLate = isChange ? revision <= before.revision : revision < before.revision
    return isLate ? `it got revision ${revision}, but ${known}` : null
  }
  const missed = firstAbove(history.get(operation.call.key) ?? [], revision)
  if (missed === undefined || missed > before.revision) return null
  return `it found revision ${revision}, but the key changed at ${missed}, and ${known}`
}

function revisionsByKey(changes: readonly Change[]): Map<string, number[]> {
  const byKey = new Map<string, number[]>()
  for (const { operation, revision } of changes) {
    const revisions = byKey.get(operation.call.key)
    if (revisions === undefined) byKey.set(operation.call.key, [revision])
    else revisions.push(revision)
  }
  for (const revisions of byKey.values()) revisions.sort((a, b) => a - b)
  return byKey
}

/** The first of the ascending numbers that is greater, by halving. */
function firstAbove(ascending: readonly number[], bound: number): number | undefined {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! > bound) high = middle
    else low = middle + 1
  }
  return ascending[low]
}

function eventsOf(operations: readonly KvOperation[]): { operation: KvOperation; isAnswer: boolean }[] {
  const events = operations.flatMap((operation) => [
    { operation, isAnswer: false, at: operation.invokedAt },
    { operation, isAnswer: true, at: operation.returnedAt },
  ])
  return events
    .filter(({ at }) => at !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.at - b.at || Number(a.isAnswer) - Number(b.isAnswer))
}
