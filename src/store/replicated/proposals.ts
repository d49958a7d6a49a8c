/** Proposals from when they are taken until it is known what became of them: first in a queue, then with a place in the log. */
import { assert } from "../../base/assert.ts"
import type { OvlError } from "../../base/errors.ts"
import { COMMIT_BATCH_MAX_COMMANDS, RAFT_ROUND_MAX_BYTES } from "../../base/limits.ts"
import type { RaftNode } from "../../raft/node.ts"
import type { Sized } from "../command.ts"
import { type EntryFate, Fates, outcomeUnknown } from "./fates.ts"
import type { Fate } from "./port.ts"
import { ProposalQueue, type Waiting } from "./proposal-queue.ts"
import type { Gathering } from "./rounds.ts"

export class Proposals {
  /** Of those that have a place in the log. */
  readonly fates = new Fates()
  readonly #queue = new ProposalQueue()

  /** How many have no place in the log yet. */
  get waiting(): number {
    return this.#queue.length
  }

  /** The error where too many wait. */
  add(proposal: Sized, settle: (fate: Fate) => void): OvlError | null {
    return this.#queue.add(proposal, settle)
  }

  /** Gives as many a place in the leader's log as fit the round that is gathering; how many it were. */
  feed(node: RaftNode, gathering: Gathering, tick: number): number {
    const room = COMMIT_BATCH_MAX_COMMANDS - gathering.entries.length
    const batch = this.#queue.take(room, RAFT_ROUND_MAX_BYTES - gathering.bytes)
    if (batch.length === 0) return 0
    const refusal = node.propose(batch.map(({ data }) => ({ type: "EntryNormal", data })))
    if (refusal !== undefined) {
      // Handing over, or too much is undecided: later.
      this.#queue.putBack(batch)
      return 0
    }
    const { log, term } = node.raft
    const first = log.lastIndex() - batch.length + 1
    for (const [i, waiting] of batch.entries()) {
      const settle = (fate: EntryFate): void => this.#settle(waiting, fate)
      this.fates.add({ term, index: first + i }, tick, settle)
    }
    return batch.length
  }

  /** Those that have no place in the log are not given one. */
  refuse(error: OvlError): void {
    this.#queue.failAll(error)
  }

  /**
   * Nothing is decided here any more. What has a place in the log may be decided by others all the same: only where there
   * are none, `error` says what became of it too.
   */
  end(error: OvlError, isAlone: boolean): void {
    this.#queue.failAll(error)
    this.fates.failAll(isAlone ? error : outcomeUnknown())
  }

  /** On a lone server with a full disk, which has nothing above `lastIndex`: nobody has seen what was to stand there. */
  takeBack(lastIndex: number, error: OvlError): void {
    for (const settle of this.fates.takeAbove(lastIndex)) settle({ error })
    this.#queue.refuseGrowing(error)
  }

  /** What only takes away may have failed because of the company that it had on a full disk: it is tried again. */
  #settle(waiting: Waiting, fate: EntryFate): void {
    if ("error" in fate) {
      if (fate.error.code === "store_full" && !waiting.growing) this.#queue.again(waiting)
      else waiting.settle(fate)
      return
    }
    assert(fate.applied !== null, "another entry stands in a proposal's place")
    waiting.settle({ applied: fate.applied })
  }
}
