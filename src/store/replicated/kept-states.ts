/** States that are kept while members that lag too far pull them. They hold disk space, so few are kept, and not for long. */
import { RAFT_SNAPSHOT_IDLE_TICKS, RAFT_SNAPSHOT_UNHEARD_TICKS, RAFT_SNAPSHOTS_MAX } from "../../base/limits.ts"
import type { NodeId } from "../../raft/types.ts"
import type { Keeper, Kept } from "../backend.ts"
import type { ReadTables } from "../tables.ts"

interface KeptState extends Kept {
  usedAt: number
  /** Some of it has been pulled: the word of it has arrived. */
  isPulled: boolean
}

export class KeptStates {
  /** By the index of the last entry that is applied in them. */
  readonly #states = new Map<number, KeptState>()
  /** To whom a snapshot was offered, and which. */
  readonly #offered = new Map<NodeId, number>()

  /** Keeps the present state, unless it is kept already; false where too many are. */
  keep(index: number, keeper: Keeper, tick: number): boolean {
    const state = this.#states.get(index)
    if (state) {
      state.usedAt = tick
      return true
    }
    if (this.#states.size >= RAFT_SNAPSHOTS_MAX) return false
    this.#states.set(index, { ...keeper.keep(), usedAt: tick, isPulled: false })
    return true
  }

  offered(to: NodeId, index: number): void {
    this.#offered.set(to, index)
  }

  read(index: number, tick: number): ReadTables | undefined {
    const state = this.#states.get(index)
    if (state === undefined) return undefined
    state.usedAt = tick
    state.isPulled = true
    return state.tables
  }

  /** The member was perhaps not told: whether a state was offered to it that nobody has begun to pull. It is offered no more. */
  lost(to: NodeId): boolean {
    const index = this.#offered.get(to)
    if (index === undefined || this.#states.get(index)?.isPulled) return false
    return this.#offered.delete(to)
  }

  /** Lets go of those that nobody reads; gives the members to which they were offered. */
  tick(tick: number): NodeId[] {
    for (const [index, state] of this.#states) {
      const most = state.isPulled ? RAFT_SNAPSHOT_IDLE_TICKS : RAFT_SNAPSHOT_UNHEARD_TICKS
      if (tick - state.usedAt >= most) this.#drop(index, state)
    }
    const failed = [...this.#offered].flatMap(([id, index]) => (this.#states.has(index) ? [] : [id]))
    for (const id of failed) this.#offered.delete(id)
    return failed
  }

  close(): void {
    for (const [index, state] of this.#states) this.#drop(index, state)
  }

  #drop(index: number, { release }: KeptState): void {
    this.#states.delete(index)
    release()
  }
}
