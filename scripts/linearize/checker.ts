/**
 * Decides whether operations that overlap can be put in one order that the model allows and that keeps every operation
 * between its invocation and its answer: linearizability (Herlihy and Wing 1990).
 *
 * The search is that of Wing and Gong with Lowe's memory of where it has been, as porcupine and Knossos do it: take an
 * operation that may be next, go on from there, put it back when that leads nowhere. Three things keep it short where
 * many outcomes are unknown. Such operations are tried only when no answered one leads on; of several that ask for the
 * same the oldest goes first; and one that the next operation does not need is left out, because it may as well happen
 * later or never.
 */
import { Bitset } from "./bitset.ts"
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"
import { type Entry, lift, type Timeline, timelineOf, unlift } from "./timeline.ts"
import { Visited, withOne } from "./visited.ts"

/** The search gives up, and says `unknown`, when it has come to one of these. */
export interface SearchLimits {
  maxStates: number
  maxBytes: number
  /** Asked now and then; true ends the search. It is where a clock comes in. */
  stop: () => boolean
}

export type Verdict = "linearizable" | "not" | "unknown"

export interface Blocked<Call, Answer, State> {
  /** An order that holds for everything that was answered before `operation` was. */
  order: Operation<Call, Answer>[]
  /** The operation for which there is no place. */
  operation: Operation<Call, Answer>
  /** States in which it was tried, the first few. */
  states: State[]
}

/** How many attempts lie between two questions whether to stop. */
const ATTEMPTS_PER_STOP = 1024
const STATES_SHOWN_MAX = 8

/** Places one operation: what has to be restored to take it back. */
interface Move<Call, Answer, State> {
  entry: Entry<Call, Answer>
  state: State
  base: State | undefined
  price: number[]
  /** The first answer that was left when an "open" one was taken: later ones could not be. */
  limit: number
}

class Search<Call, Answer, State> {
  /** The latest answer that the search came up against: nothing led beyond it, if the verdict is "not". */
  wall: Entry<Call, Answer> | null = null
  private readonly model: Model<Call, Answer, State>
  private readonly limits: SearchLimits
  private readonly timeline: Timeline<Call, Answer>
  private readonly placed: Bitset
  private readonly visited = new Visited()
  private readonly moves: Move<Call, Answer, State>[] = []
  private readonly atWall: (entry: Entry<Call, Answer>) => void
  private left: number
  private attempts = 0
  private limit = Number.POSITIVE_INFINITY
  private state: State
  /** The state before the operations of unknown outcome that were placed last; undefined where none were. */
  private base: State | undefined = undefined
  /** The operations of unknown outcome that are placed. */
  private price: number[] = []

  constructor(
    model: Model<Call, Answer, State>,
    operations: readonly Operation<Call, Answer>[],
    limits: SearchLimits,
    atWall: (search: Search<Call, Answer, State>, entry: Entry<Call, Answer>) => void = () => {},
  ) {
    this.model = model
    this.limits = limits
    this.timeline = timelineOf(operations)
    this.left = this.timeline.answeredCount
    this.placed = new Bitset(this.left)
    this.state = model.initial
    this.atWall = (entry) => atWall(this, entry)
  }

  get order(): Operation<Call, Answer>[] {
    return this.moves.map((move) => move.entry.operation)
  }

  get present(): State {
    return this.state
  }

  run(): Verdict {
    let cursor = this.first()
    while (this.left > 0) {
      if (this.spent()) return "unknown"
      if (cursor?.kind === "return") {
        this.meet(cursor)
        cursor = this.timeline.open.next
      } else if (cursor === null || cursor.at > this.limit) {
        const move = this.moves.pop()
        if (move === undefined) return "not"
        this.takeBack(move)
        cursor = move.entry.next
      } else cursor = this.place(cursor) ? this.first() : cursor.next
    }
    return "linearizable"
  }

  /** Where trying begins again after a move; whatever was invoked before the first answer may be tried. */
  private first(): Entry<Call, Answer> | null {
    this.limit = Number.POSITIVE_INFINITY
    return this.timeline.answered.next
  }

  private spent(): boolean {
    this.attempts += 1
    if (this.visited.count > this.limits.maxStates || this.visited.estimatedBytes > this.limits.maxBytes) return true
    return this.attempts % ATTEMPTS_PER_STOP === 0 && this.limits.stop()
  }

  private meet(answer: Entry<Call, Answer>): void {
    this.limit = answer.at
    if (this.wall === null || answer.at > this.wall.at) this.wall = answer
    this.atWall(answer)
  }

  /** Tries to put the operation next; false where that cannot be or need not be tried. */
  private place(entry: Entry<Call, Answer>): boolean {
    if (entry.twin !== null && !entry.twin.taken) return false
    const { call, answer } = entry.operation
    const next = this.model.step(this.state, call, answer)
    if (next === undefined || this.needless(entry, next)) return false
    const isOpen = entry.kind === "open"
    const base = isOpen ? (this.base ?? this.state) : undefined
    const price = isOpen ? withOne(this.price, entry.index) : this.price
    if (!isOpen) this.placed.add(entry.index)
    if (!this.visited.add(this.placeKey(next, base), price)) {
      if (!isOpen) this.placed.remove(entry.index)
      return false
    }
    this.moves.push({ entry, state: this.state, base: this.base, price: this.price, limit: this.limit })
    if (!isOpen) this.left -= 1
    lift(entry)
    this.state = next
    this.base = base
    this.price = price
    return true
  }

  /** Whether this, or the operations of unknown outcome before it, could as well be left out. */
  private needless(entry: Entry<Call, Answer>, next: State): boolean {
    if (entry.kind === "open" && this.model.covers(this.state, next)) return true
    if (this.base === undefined) return false
    const without = this.model.step(this.base, entry.operation.call, entry.operation.answer)
    return without !== undefined && this.model.covers(without, next)
  }

  private placeKey(state: State, base: State | undefined): string {
    const key = this.model.key(state)
    if (base === undefined) return `${this.placed.key()}-${key}`
    return `${this.placed.key()}${key.length}+${key}${this.model.key(base)}`
  }

  private takeBack(move: Move<Call, Answer, State>): void {
    unlift(move.entry)
    if (move.entry.kind !== "open") {
      this.placed.remove(move.entry.index)
      this.left += 1
    }
    this.state = move.state
    this.base = move.base
    this.price = move.price
    this.limit = move.limit
  }
}

/** Whether the operations are linearizable; "unknown" where a limit was reached first. */
export function check<Call, Answer, State>(
  model: Model<Call, Answer, State>,
  operations: readonly Operation<Call, Answer>[],
  limits: SearchLimits,
): Verdict {
  return new Search(model, operations, limits).run()
}

/**
 * Why the operations are not linearizable; null where they are, or where a limit was reached first. It searches twice:
 * once to find how far one can get, once more to see what it looks like there.
 */
export function explain<Call, Answer, State>(
  model: Model<Call, Answer, State>,
  operations: readonly Operation<Call, Answer>[],
  limits: SearchLimits,
): Blocked<Call, Answer, State> | null {
  const scout = new Search(model, operations, limits)
  if (scout.run() !== "not" || scout.wall === null) return null
  const wall = scout.wall.at
  const states = new Map<string, State>()
  let order: Operation<Call, Answer>[] | null = null
  const witness = new Search(model, operations, limits, (search, entry) => {
    if (entry.at !== wall) return
    order ??= search.order
    if (states.size < STATES_SHOWN_MAX) states.set(model.key(search.present), search.present)
  })
  witness.run()
  return { order: order ?? [], operation: scout.wall.operation, states: [...states.values()] }
}
