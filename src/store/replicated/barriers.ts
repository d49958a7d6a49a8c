/**
 * Reads that wait until this member shows all that was acknowledged before they came (thesis 6.4). Those that come
 * together are one question to the leader; one that is not answered is asked again, under another number.
 */
import { OvlError } from "../../base/errors.ts"
import { RAFT_READ_RETRY_TICKS, RAFT_READ_TIMEOUT_TICKS } from "../../base/limits.ts"
import type { Refusal } from "../../raft/types.ts"

type Settle = (error: OvlError | null) => void

interface Reader {
  since: number
  settle: Settle
}

/** A question that is on its way, and who waits for the answer. */
interface Asked {
  at: number
  readers: Reader[]
}

export class Barriers {
  readonly #ask: (context: number) => Refusal | undefined
  #context: number
  #new: Reader[] = []
  readonly #asked = new Map<number, Asked>()
  /** Answered: they wait for the index to be applied. */
  #confirmed: { index: number; readers: Reader[] }[] = []
  #tick = 0

  /** `firstContext`: a number from which on no life of this member has counted before. */
  constructor(firstContext: number, ask: (context: number) => Refusal | undefined) {
    this.#context = firstContext
    this.#ask = ask
  }

  add(settle: Settle): void {
    this.#new.push({ since: this.#tick, settle })
  }

  /** Asks for those that came, if the leader may be asked now. */
  ask(): void {
    if (this.#new.length === 0) return
    const context = this.#context++
    if (this.#ask(context) !== undefined) return
    this.#asked.set(context, { at: this.#tick, readers: this.#new })
    this.#new = []
  }

  confirmed(context: number, index: number): void {
    const asked = this.#asked.get(context)
    if (!asked) return
    this.#asked.delete(context)
    this.#confirmed.push({ index, readers: asked.readers })
  }

  applied(index: number): void {
    if (this.#confirmed.length === 0) return
    const ready = this.#confirmed.filter((confirmed) => confirmed.index <= index)
    this.#confirmed = this.#confirmed.filter((confirmed) => confirmed.index > index)
    for (const { readers } of ready) for (const { settle } of readers) settle(null)
  }

  tick(): void {
    this.#tick++
    for (const [context, { at, readers }] of this.#asked) {
      if (this.#tick - at < RAFT_READ_RETRY_TICKS) break
      this.#asked.delete(context)
      this.#new.push(...readers)
    }
    const isOver = ({ since }: Reader): boolean => this.#tick - since >= RAFT_READ_TIMEOUT_TICKS
    giveUp(this.#new.filter(isOver))
    this.#new = this.#new.filter((reader) => !isOver(reader))
    for (const confirmed of this.#confirmed) {
      giveUp(confirmed.readers.filter(isOver))
      confirmed.readers = confirmed.readers.filter((reader) => !isOver(reader))
    }
    this.#confirmed = this.#confirmed.filter(({ readers }) => readers.length > 0)
  }

  failAll(error: OvlError): void {
    const readers = [...this.#new, ...[...this.#asked.values(), ...this.#confirmed].flatMap((group) => group.readers)]
    this.#new = []
    this.#asked.clear()
    this.#confirmed = []
    for (const { settle } of readers) settle(error)
  }
}

function giveUp(readers: Reader[]): void {
  for (const { settle } of readers) settle(noLeader())
}

export function noLeader(): OvlError {
  return new OvlError("no_leader", "reach the leader of the servers: none is known, or a majority does not answer", {
    kind: "unavailable",
    hint: "look with ovl raft ls which servers are missing, and start them",
  })
}
