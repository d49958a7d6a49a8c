/**
 * Decides whether operations that overlap can be put in one order that the model allows and that keeps every operation
 * between its invocation and its answer: linearizability (Herlihy and Wing 1990).
 *
 * The history is gone through once, event by event, with everything that may be the case at that moment: Lowe's
 * just-in-time linearization. When an answer comes, its operation must have been done, so each possibility in which it
 * was not goes on through all ways in which it can have been, pending operations before it included. When none is
 * left, the history is not linearizable, and that answer is where it ends.
 *
 * Wing and Gong's search, which goes deep first and comes back, is quicker where all is well and every outcome known.
 * Where servers are killed many outcomes are unknown: it spends them carelessly, and misses them a thousand operations
 * later. Here a possibility that spent less displaces one that spent more, at once.
 */
import { Frontier, type Possibility, type Trail } from "./frontier.ts"
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"
import { has, minus, plus } from "./numbers.ts"

/** The search gives up, and says `unknown`, when it has come to one of these. */
export interface SearchLimits {
  /** How many possibilities may be kept at a time. */
  maxStates: number
  /** Asked now and then; true ends the search. It is where a clock comes in. */
  stop: () => boolean
}

export type Verdict = "linearizable" | "not" | "unknown"

export type Finding<Call, Answer, State> =
  | { verdict: "linearizable" }
  | { verdict: "unknown" }
  | { verdict: "not"; blocked: Blocked<Call, Answer, State> }

export interface Blocked<Call, Answer, State> {
  /** An order that holds for everything that was answered before `operation` was. */
  order: Operation<Call, Answer>[]
  /** The operation for which there is no place. */
  operation: Operation<Call, Answer>
  /** The states that were possible before it, the first few. */
  states: State[]
}

/** How many attempts lie between two questions whether to stop. */
const ATTEMPTS_PER_STOP = 1024
const STATES_SHOWN_MAX = 8

class GaveUp extends Error {}

class Search<Call, Answer, State> {
  private readonly model: Model<Call, Answer, State>
  private readonly limits: SearchLimits
  /** In the order of invocation; an operation's index in it is its name. */
  private readonly operations: Operation<Call, Answer>[]
  private readonly calls: Call[]
  /** Answered operations that were invoked and of which the answer is still to come. */
  private pending: number[] = []
  /** Operations of unknown outcome that were invoked and may still take effect. */
  private readonly open = new Set<number>()
  /** The operation of unknown outcome before it that asked for the same: it may as well be done first. */
  private readonly twins = new Map<number, number>()
  private readonly lastWish = new Map<string, number>()
  private frontier = new Frontier<State>()
  private attempts = 0

  constructor(model: Model<Call, Answer, State>, operations: readonly Operation<Call, Answer>[], limits: SearchLimits) {
    this.model = model
    this.limits = limits
    this.operations = [...operations].sort((a, b) => a.invokedAt - b.invokedAt)
    this.calls = model.alike(this.operations)
    const start = { state: model.initial, key: model.key(model.initial), trail: null, base: undefined, kept: true }
    this.frontier.add({ ...start, done: [], free: [], used: [] })
  }

  run(): Finding<Call, Answer, State> {
    for (const { index, isAnswer } of eventsOf(this.operations)) {
      if (!isAnswer) this.invoke(index)
      else {
        const next = this.answer(index)
        if (next.size === 0) return { verdict: "not", blocked: this.blockedBy(index) }
        this.pending.splice(this.pending.indexOf(index), 1)
        this.frontier = next
        this.forget()
      }
    }
    return { verdict: "linearizable" }
  }

  private invoke(index: number): void {
    const operation = this.operations[index]!
    if (operation.answer === null) {
      const wish = JSON.stringify(this.calls[index])
      const twin = this.lastWish.get(wish)
      if (twin !== undefined) this.twins.set(index, twin)
      this.lastWish.set(wish, index)
      this.open.add(index)
      return
    }
    this.pending.push(index)
    for (const possibility of this.frontier) this.freeIfIdle(possibility, index)
  }

  /** What may be the case after this answer. */
  private answer(index: number): Frontier<State> {
    const next = new Frontier<State>()
    const passed = new Frontier<State>()
    const queue = [...this.frontier]
    const isRead = this.model.isRead(this.calls[index]!, this.operations[index]!.answer!)
    for (let head = 0; head < queue.length; head++) {
      const possibility = queue[head]!
      if (!possibility.kept) continue
      const isFree = has(possibility.free, index)
      if (isFree || has(possibility.done, index)) {
        next.add({ ...possibility, done: minus(possibility.done, index), free: minus(possibility.free, index) })
        // What was free and can make a difference has its last chance to make it.
        if (!isFree || isRead) continue
      }
      for (const successor of this.successors(possibility)) if (passed.add(successor)) queue.push(successor)
      if (next.size + passed.size > this.limits.maxStates) throw new GaveUp()
    }
    return next
  }

  private *successors(possibility: Possibility<State>): Generator<Possibility<State>> {
    for (const index of this.pending) {
      if (has(possibility.done, index)) continue
      const successor = this.successor(possibility, index, has(possibility.free, index))
      if (successor !== null) yield successor
    }
    for (const index of this.open) {
      const twin = this.twins.get(index)
      if (has(possibility.used, index) || (twin !== undefined && this.open.has(twin) && !has(possibility.used, twin)))
        continue
      const successor = this.successor(possibility, index, true)
      if (successor !== null) yield successor
    }
  }

  /** The possibility after one more operation; null where it cannot come next, or need not. */
  private successor(before: Possibility<State>, index: number, wasFree: boolean): Possibility<State> | null {
    this.attempts += 1
    if (this.attempts % ATTEMPTS_PER_STOP === 0 && this.limits.stop()) throw new GaveUp()
    const call = this.calls[index]!
    const { answer } = this.operations[index]!
    const state = this.model.step(before.state, call, answer)
    if (state === undefined || (wasFree && this.model.covers(before.state, state))) return null
    if (before.base !== undefined) {
      const without = this.model.step(before.base, call, answer)
      if (without !== undefined && this.model.covers(without, state)) return null
    }
    const after: Possibility<State> = {
      state,
      key: this.model.key(state),
      done: answer === null ? before.done : plus(before.done, index),
      free: minus(before.free, index),
      used: answer === null ? plus(before.used, index) : before.used,
      trail: before.trail,
      base: wasFree ? (before.base ?? before.state) : undefined,
      kept: true,
    }
    return this.settle(after, index) ? after : null
  }

  /** Adds the operation to the trail and finds what is free now; false where a pending one has no future any more. */
  private settle(after: Possibility<State>, index: number): boolean {
    const others = this.pending.filter((other) => !has(after.done, other))
    const isBlind = this.isBlind(index)
    for (const other of others) {
      if (isBlind && this.isBlind(other)) setFree(after, other)
      if (!has(after.free, other) && this.isTooLate(after.state, other)) return false
    }
    after.trail = { index, before: after.trail }
    for (const other of others) this.freeIfIdle(after, other)
    return true
  }

  /** Operations of unknown outcome that can have no effect any more make no difference between possibilities. */
  private forget(): void {
    const past = [...this.open].filter((index) => !this.hasFuture(index))
    if (past.length === 0) return
    for (const index of past) this.open.delete(index)
    const merged = new Frontier<State>()
    for (const possibility of this.frontier) merged.add({ ...possibility, used: past.reduce(minus, possibility.used) })
    this.frontier = merged
  }

  private hasFuture(index: number): boolean {
    for (const { used, state } of this.frontier) if (!has(used, index) && !this.isTooLate(state, index)) return true
    return false
  }

  private isBlind(index: number): boolean {
    return this.model.isBlind(this.calls[index]!, this.operations[index]!.answer)
  }

  private isTooLate(state: State, index: number): boolean {
    return this.model.isTooLate(state, this.calls[index]!, this.operations[index]!.answer)
  }

  /**
   * An operation that changes nothing may be counted as done at once, and any number of them. It may be the state of
   * just now that it needs, so what led to that state cannot be said to be needless any more.
   */
  private freeIfIdle(possibility: Possibility<State>, index: number): void {
    if (has(possibility.done, index) || has(possibility.free, index)) return
    const call = this.calls[index]!
    const { answer } = this.operations[index]!
    const state = this.model.step(possibility.state, call, answer)
    if (state === undefined || !this.model.covers(state, possibility.state)) return
    setFree(possibility, index)
    possibility.base = undefined
  }

  private blockedBy(index: number): Blocked<Call, Answer, State> {
    const possibilities = [...this.frontier]
    const states = new Map(possibilities.map(({ key, state }) => [key, state]))
    return {
      order: orderOf(possibilities[0]!.trail).map((placed) => this.operations[placed]!),
      operation: this.operations[index]!,
      states: [...states.values()].slice(0, STATES_SHOWN_MAX),
    }
  }
}

function setFree<State>(possibility: Possibility<State>, index: number): void {
  if (has(possibility.free, index)) return
  possibility.free = plus(possibility.free, index)
  possibility.trail = { index, before: possibility.trail }
}

/** An operation that was free and then done in earnest stands on the trail twice; the later place counts. */
function orderOf(trail: Trail | null): number[] {
  const backwards = new Set<number>()
  for (let at = trail; at !== null; at = at.before) backwards.add(at.index)
  return [...backwards].reverse()
}

/** Of two events at one position the invocation is first: the operations overlap. */
function eventsOf<C, A>(operations: readonly Operation<C, A>[]): { index: number; isAnswer: boolean }[] {
  const events = operations.flatMap(({ answer, invokedAt, returnedAt }, index) => {
    const invocation = { index, isAnswer: false, at: invokedAt }
    return answer === null ? [invocation] : [invocation, { index, isAnswer: true, at: returnedAt }]
  })
  return events.sort((a, b) => a.at - b.at || Number(a.isAnswer) - Number(b.isAnswer))
}

/** Whether the operations are linearizable; "unknown" where a limit was reached first. */
export function check<Call, Answer, State>(
  model: Model<Call, Answer, State>,
  operations: readonly Operation<Call, Answer>[],
  limits: SearchLimits,
): Finding<Call, Answer, State> {
  try {
    return new Search(model, operations, limits).run()
  } catch (error) {
    if (error instanceof GaveUp) return { verdict: "unknown" }
    throw error
  }
}
