/** The latest entries of the log that are on disk, in memory: what followers are sent and what is applied. */
import type { Entry } from "../../raft/types.ts"

export class LogTail {
  #entries: Entry[] = []
  /** So many of them, from the front, are given up; they go in one move with others. */
  #dropped = 0
  /** Bytes of the data of those that are not. */
  #bytes = 0
  readonly #maxBytes: number
  readonly #maxEntries: number

  constructor(maxBytes: number, maxEntries: number) {
    this.#maxBytes = maxBytes
    this.#maxEntries = maxEntries
  }

  get(index: number): Entry | undefined {
    const first = this.#entries[0]
    const at = first === undefined ? -1 : index - first.index
    return at < this.#dropped ? undefined : this.#entries[at]
  }

  /** What is there from the first one's index on is void. */
  append(entries: readonly Entry[]): void {
    const [next] = entries
    if (next === undefined) return
    const last = this.#entries.at(-1)
    if (last !== undefined && next.index !== last.index + 1) this.#cut(next.index)
    for (const entry of entries) {
      this.#entries.push(entry)
      this.#bytes += entry.data.length
    }
    while (this.#isFull()) this.#bytes -= this.#entries[this.#dropped++]!.data.length
    if (this.#dropped * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#dropped)
    this.#dropped = 0
  }

  clear(): void {
    this.#entries = []
    this.#dropped = this.#bytes = 0
  }

  /** The last one stays, however large. */
  #isFull(): boolean {
    const count = this.#entries.length - this.#dropped
    return count > 1 && (count > this.#maxEntries || this.#bytes > this.#maxBytes)
  }

  /** Only what is before `index` stays, and that only if `index` follows on it. */
  #cut(index: number): void {
    const kept = index - this.#entries[0]!.index
    if (kept <= this.#dropped || kept > this.#entries.length) return this.clear()
    for (const entry of this.#entries.splice(kept)) this.#bytes -= entry.data.length
  }
}
