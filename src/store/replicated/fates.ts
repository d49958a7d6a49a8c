/**
 * Who waits for what became of an entry. Its place in the log is known as soon as the leader has given it one; what stands
 * there in the end, and of which term, decides.
 */
import { OvlError } from "../../base/errors.ts"
import type { Applied } from "../applied.ts"
import type { EntryId } from "../../raft/types.ts"

/** What became of an entry; null where it held no command. */
export type EntryFate = { readonly applied: Applied | null } | { readonly error: OvlError }

interface Waiting {
  term: number
  /** The tick at which it was proposed, or at which the lead was lost later. */
  since: number
  settle: (fate: EntryFate) => void
}

export class Fates {
  /** By index, in ascending order. */
  readonly #waiting = new Map<number, Waiting>()
  /** No index above it is waited for. */
  #lastIndex = 0

  get size(): number {
    return this.#waiting.size
  }

  add({ index, term }: EntryId, since: number, settle: (fate: EntryFate) => void): void {
    this.overwritten(index, term)
    this.#waiting.set(index, { term, since, settle })
    this.#lastIndex = index
  }

  /** The entry is applied; whoever proposed another one for its place failed, and nothing was done. */
  applied({ index, term }: EntryId, applied: Applied | null): void {
    const waiting = this.#take(index)
    if (waiting) waiting.settle(waiting.term === term ? { applied } : { error: leaderChanged() })
  }

  /**
   * Entries from `index` on were overwritten here by those of `term`. That does not say that they are lost: another member
   * may still have them, lead, and have them decided (Figure 8 of the paper). What stands at their index once that is
   * applied would tell, but its place here is wanted by others.
   */
  overwritten(index: number, term: number): void {
    if (index > this.#lastIndex) return
    for (const [at, waiting] of this.#waiting)
      if (at >= index && waiting.term < term) this.#take(at)?.settle({ error: outcomeUnknown() })
  }

  /** Everything up to `index` came as a state: what stood there is not known. */
  skipped(index: number): void {
    for (const at of this.#waiting.keys()) if (at <= index) this.#take(at)?.settle({ error: outcomeUnknown() })
  }

  /** Gives up those that were proposed before the tick. */
  expire(tick: number): void {
    for (const [index, { since }] of this.#waiting) {
      if (since >= tick) return
      this.#take(index)?.settle({ error: outcomeUnknown() })
    }
  }

  /** From now on there is a limit to how long they wait. */
  restartClocks(tick: number): void {
    for (const waiting of this.#waiting.values()) waiting.since = tick
  }

  /** Those above `index`, who are forgotten here. */
  takeAbove(index: number): ((fate: EntryFate) => void)[] {
    const above = [...this.#waiting.keys()].filter((at) => at > index)
    return above.map((at) => this.#take(at)!.settle)
  }

  /** Nothing is decided here any more. */
  failAll(error: OvlError): void {
    for (const index of [...this.#waiting.keys()]) this.#take(index)?.settle({ error })
  }

  #take(index: number): Waiting | undefined {
    const waiting = this.#waiting.get(index)
    this.#waiting.delete(index)
    return waiting
  }
}

export function notLeader(): OvlError {
  return new OvlError("not_leader", "write to the store: this server does not lead", {
    kind: "unavailable",
    hint: "ask the server that does: ovl raft ls",
  })
}

function leaderChanged(): OvlError {
  return new OvlError("leader_changed", "write to the store: another server took the lead, and nothing was written", {
    kind: "unavailable",
    hint: "try again",
  })
}

export function outcomeUnknown(): OvlError {
  return new OvlError("outcome_unknown", "write to the store: the lead was lost before it was known to be decided", {
    kind: "unavailable",
    hint: "look whether it was done before you try again",
  })
}
