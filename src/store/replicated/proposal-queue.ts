/** Proposals that have no place in the log yet. */
import { OvlError } from "../../base/errors.ts"
import { COMMIT_QUEUE_MAX_BYTES, COMMIT_QUEUE_MAX_COMMANDS } from "../../base/limits.ts"
import type { Sized } from "../command.ts"
import { encodeCommand } from "./command-codec.ts"
import type { Fate } from "./port.ts"

export interface Waiting {
  readonly data: Uint8Array
  readonly growing: boolean
  readonly settle: (fate: Fate) => void
}

export class ProposalQueue {
  #waiting: Waiting[] = []
  #bytes = 0

  get length(): number {
    return this.#waiting.length
  }

  /** The error where it is full. */
  add({ command, bytes, growing }: Sized, settle: (fate: Fate) => void): OvlError | null {
    if (this.#waiting.length >= COMMIT_QUEUE_MAX_COMMANDS || this.#bytes + bytes > COMMIT_QUEUE_MAX_BYTES)
      return storeBusy()
    const data = encodeCommand(command, bytes)
    this.#waiting.push({ data, growing, settle })
    this.#bytes += data.length
    return null
  }

  /** From the front, as many as there is room for; where there is any, at least one. */
  take(count: number, bytes: number): Waiting[] {
    if (count <= 0 || bytes <= 0) return []
    let taken = 0
    let sum = 0
    while (taken < this.#waiting.length && taken < count) {
      sum += this.#waiting[taken]!.data.length
      if (sum > bytes && taken > 0) break
      taken++
    }
    const batch = taken === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, taken)
    this.#waiting = taken === this.#waiting.length ? [] : this.#waiting.slice(taken)
    for (const { data } of batch) this.#bytes -= data.length
    return batch
  }

  putBack(batch: Waiting[]): void {
    this.#waiting = [...batch, ...this.#waiting]
    for (const { data } of batch) this.#bytes += data.length
  }

  /** One whose place in the log was lost. It goes last: nobody was told of an order. */
  again(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#bytes += waiting.data.length
  }

  refuseGrowing(error: OvlError): void {
    const refused = this.#waiting.filter(({ growing }) => growing)
    this.#waiting = this.#waiting.filter(({ growing }) => !growing)
    this.#bytes = this.#waiting.reduce((sum, { data }) => sum + data.length, 0)
    for (const { settle } of refused) settle({ error })
  }

  failAll(error: OvlError): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    for (const { settle } of waiting) settle({ error })
  }
}

function storeBusy(): OvlError {
  return new OvlError("store_busy", "write to the store: too many writes are waiting for the disk", {
    kind: "unavailable",
    hint: "try again in a moment",
  })
}
