/** A log file that never outgrows its bound: when it would, its older half goes. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"

export class BoundedLog {
  readonly #fd: number
  readonly #maxBytes: number
  #size: number

  constructor(path: string, maxBytes: number) {
    this.#fd = openSync(path, "a+", 0o600)
    this.#maxBytes = maxBytes
    this.#size = fstatSync(this.#fd).size
  }

  append(chunk: Uint8Array): void {
    const kept = chunk.length > this.#maxBytes / 2 ? chunk.subarray(chunk.length - this.#maxBytes / 2) : chunk
    if (this.#size + kept.length > this.#maxBytes) this.#dropOlderHalf()
    writeSync(this.#fd, kept)
    this.#size += kept.length
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Keeps the newest half, from the next line's beginning on. */
  #dropOlderHalf(): void {
    const half = Math.floor(this.#maxBytes / 2)
    const tail = Buffer.alloc(Math.min(half, this.#size))
    readSync(this.#fd, tail, 0, tail.length, this.#size - tail.length)
    const lineEnd = tail.indexOf(0x0a)
    const rest = lineEnd < 0 ? tail : tail.subarray(lineEnd + 1)
    // Opened for appending: after the cut, what is written goes to the new end.
    ftruncateSync(this.#fd, 0)
    writeSync(this.#fd, rest)
    this.#size = rest.length
  }
}
