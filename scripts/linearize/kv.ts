/**
 * One key of ovl's store: get, put, delete, and put if the key's revision is the expected one. A change gives the key
 * the store's next revision; putting what is there already and deleting what is not there change nothing.
 *
 * Not every interface tells the revision of a change (Consul's `PUT /v1/kv` answers only `true`). So a state holds what
 * can be known of it: a range, and what it was found not to be. Revisions are the whole store's and a key sees only
 * some of them, so that any greater number may be the next; `revisions.ts` compares those of different keys.
 */
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"

export type KvCall =
  | { op: "get"; key: string }
  | { op: "put"; key: string; value: string }
  | { op: "delete"; key: string }
  /** `expected` 0: only if there is no such key. */
  | { op: "cas"; key: string; expected: number; value: string }

/**
 * get: `value`, null where there is no such key, and the revision of its last change. put, delete and a cas that swapped:
 * the revision of the change, and where nothing was to be changed the store's present one.
 */
export interface KvAnswer {
  value?: string | null
  swapped?: boolean
  revision?: number
}

export interface KeyState {
  /** Null: there is no such key. */
  value: string | null
  /** The revision of the last change is one of `low`..`high`, and none of `not`. Both are 0 where there is no key. */
  low: number
  high: number
  not: readonly number[]
  /** The store has come at least so far: the next change has a greater revision. */
  reached: number
}

const ABSENT: KeyState = { value: null, low: 0, high: 0, not: [], reached: 0 }

function changed(state: KeyState, value: string | null, revision: number | undefined): KeyState | undefined {
  if (revision !== undefined && revision <= state.reached) return undefined
  const low = revision ?? state.reached + 1
  if (value === null) return { ...ABSENT, reached: low }
  return { value, low, high: revision ?? Number.POSITIVE_INFINITY, not: [], reached: low }
}

/** Nothing was to be changed; `revision` is then the store's present one. */
function unchanged(state: KeyState, revision: number | undefined): KeyState | undefined {
  if (revision === undefined) return state
  if (revision < state.reached) return undefined
  return narrowed({ ...state, high: Math.min(state.high, revision), reached: revision })
}

/** Drops from the ends of the range what the revision is known not to be; undefined if nothing is left. */
function narrowed(state: KeyState): KeyState | undefined {
  let { low, high } = state
  while (low <= high && state.not.includes(low)) low += 1
  while (low <= high && state.not.includes(high)) high -= 1
  if (low > high) return undefined
  const not = state.not.filter((revision) => revision > low && revision < high)
  return { ...state, low, high, not, reached: Math.max(state.reached, low) }
}

/** The key was seen with this revision. */
function pinned(state: KeyState, revision: number): KeyState | undefined {
  if (revision < state.low || revision > state.high || state.not.includes(revision)) return undefined
  return { ...state, low: revision, high: revision, not: [], reached: Math.max(state.reached, revision) }
}

/** The key was found to have another revision than this. */
function excluded(state: KeyState, revision: number): KeyState | undefined {
  if (revision < state.low || revision > state.high || state.not.includes(revision)) return state
  return narrowed({ ...state, not: [...state.not, revision].sort((a, b) => a - b) })
}

function put(state: KeyState, value: string, revision: number | undefined): KeyState | undefined {
  return value === state.value ? unchanged(state, revision) : changed(state, value, revision)
}

function get(state: KeyState, answer: KvAnswer): KeyState | undefined {
  if (answer.value !== state.value) return undefined
  return state.value === null || answer.revision === undefined ? state : pinned(state, answer.revision)
}

/** The state in which the comparison came out so, or undefined. */
function compared(state: KeyState, expected: number, equal: boolean): KeyState | undefined {
  if (expected === 0 || state.value === null)
    return (expected === 0 && state.value === null) === equal ? state : undefined
  return equal ? pinned(state, expected) : excluded(state, expected)
}

function step(state: KeyState, call: KvCall, answer: KvAnswer | null): KeyState | undefined {
  switch (call.op) {
    case "get":
      return answer === null ? state : get(state, answer)
    case "put":
      return put(state, call.value, answer?.revision)
    case "delete":
      return state.value === null ? unchanged(state, answer?.revision) : changed(state, null, answer?.revision)
    case "cas": {
      const before = compared(state, call.expected, answer?.swapped ?? true)
      if (answer === null) return before === undefined ? state : put(before, call.value, undefined)
      return before !== undefined && answer.swapped ? put(before, call.value, answer.revision) : before
    }
  }
}

/** Revisions only grow, and with them what a key can be found to have. */
function isTooLate(state: KeyState, call: KvCall, answer: KvAnswer | null): boolean {
  const least = state.value === null ? state.reached + 1 : state.low
  if (answer === null) return call.op === "get" || (call.op === "cas" && call.expected > 0 && call.expected < least)
  if (answer.revision === undefined) return false
  return answer.revision < (call.op === "get" ? least : state.reached)
}

function covers(state: KeyState, lesser: KeyState): boolean {
  return (
    state.value === lesser.value &&
    state.low <= lesser.low &&
    state.high >= lesser.high &&
    state.reached <= lesser.reached &&
    state.not.every((revision) => revision < lesser.low || revision > lesser.high || lesser.not.includes(revision))
  )
}

/** A value that no get found, and that nothing else writes: the same put again would change nothing. */
function alike(operations: readonly Operation<KvCall, KvAnswer>[]): KvCall[] {
  const met = new Map<string, number>()
  const meet = (value: string | null | undefined) => {
    if (typeof value === "string") met.set(value, (met.get(value) ?? 0) + 1)
  }
  for (const { call, answer } of operations) {
    if ("value" in call) meet(call.value)
    meet(answer?.value)
  }
  let unread: string | null = null
  return operations.map(({ call, answer }) => {
    if (answer !== null || call.op !== "put" || met.get(call.value) !== 1) return call
    unread ??= call.value
    return { ...call, value: unread }
  })
}

function callText(call: KvCall): string {
  const key = JSON.stringify(call.key)
  if (call.op === "put") return `put ${key} = ${JSON.stringify(call.value)}`
  return call.op === "cas" ? `cas ${key} at ${call.expected} = ${JSON.stringify(call.value)}` : `${call.op} ${key}`
}

function answerText(answer: KvAnswer): string {
  const words: string[] = []
  if (answer.value !== undefined) words.push(answer.value === null ? "no such key" : JSON.stringify(answer.value))
  if (answer.swapped !== undefined) words.push(answer.swapped ? "swapped" : "another revision")
  if (answer.revision !== undefined) words.push(`revision ${answer.revision}`)
  return words.length === 0 ? "ok" : words.join(", ")
}

function stateText({ value, low, high, not, reached }: KeyState): string {
  if (value === null) return `no such key, the store at ${reached} or later`
  const range = low === high ? `${low}` : high === Number.POSITIVE_INFINITY ? `${low} or later` : `${low} to ${high}`
  const but = not.length === 0 ? "" : ` but not ${not.join(", ")}`
  return `${JSON.stringify(value)}, revision ${range}${but}`
}

export const keyOfStore: Model<KvCall, KvAnswer, KeyState> = {
  initial: ABSENT,
  step,
  key: (state) => `${state.low} ${state.high} ${state.reached} ${state.not.join(",")} ${JSON.stringify(state.value)}`,
  covers,
  isBlind: () => false,
  isRead: (call, answer) => call.op === "get" || answer.swapped === false,
  isTooLate,
  alike,
  callText,
  answerText,
  stateText,
}
