/**
 * A workload's log as a stream of bytes: what is there, and while `more` says so, what is added. The log is bounded by
 * dropping its older half in place; a follower that sees the file shrink finds its place again by what it sent last.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { LOG_CHUNK_BYTES, LOG_POLL_MS, LOG_REMEMBERED_BYTES } from "../base/limits.ts"

export interface LogStreamOptions {
  /** Only the last so many lines of what is there; left out, all of it. */
  tail?: number
  /** Whether more may still come once everything there is has been sent. */
  more(): boolean
  signal: AbortSignal
}

/** Ends with what is there when `more` says no; a file that is missing is an empty one. Read only as fast as it is sent. */
export function logStream(path: string, { tail, more, signal }: LogStreamOptions): ReadableStream<Uint8Array> {
  const reader = new LogReader(path, tail)
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        // Asked before reading: what was written before the end is then sure to be read.
        const mayGrow = more()
        const chunk = reader.next()
        if (chunk) return controller.enqueue(chunk)
        if (!mayGrow || signal.aborted) break
        await Bun.sleep(LOG_POLL_MS)
      }
      reader.close()
      controller.close()
    },
    cancel: () => reader.close(),
  })
}

class LogReader {
  readonly #path: string
  #fd: number | null = null
  #offset = 0
  #last: Buffer = Buffer.alloc(0)

  constructor(path: string, tail?: number) {
    this.#path = path
    if (tail === undefined) return
    this.#fd = openIfThere(path)
    if (this.#fd !== null) this.#offset = startOfTail(this.#fd, tail)
  }

  /** The next piece, or null where nothing more is there now. */
  next(): Uint8Array | null {
    this.#fd ??= openIfThere(this.#path)
    if (this.#fd === null) return null
    const { size } = fstatSync(this.#fd)
    if (size < this.#offset) this.#offset = this.#placeAfterCut(this.#fd, size)
    const chunk = Buffer.alloc(Math.min(LOG_CHUNK_BYTES, size - this.#offset))
    const length = readSync(this.#fd, chunk, 0, chunk.length, this.#offset)
    if (length === 0) return null
    this.#offset += length
    const read = chunk.subarray(0, length)
    this.#last = Buffer.concat([this.#last, read]).subarray(-LOG_REMEMBERED_BYTES)
    return read
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }

  /** Behind what was sent last, as far as it was kept; at the beginning where nothing of it was. */
  #placeAfterCut(fd: number, size: number): number {
    const kept = Buffer.alloc(size)
    readSync(fd, kept, 0, size, 0)
    const whole = kept.lastIndexOf(this.#last)
    if (whole >= 0) return whole + this.#last.length
    let length = Math.min(this.#last.length, size)
    while (length > 0 && !kept.subarray(0, length).equals(this.#last.subarray(-length))) length--
    return length
  }
}

/** Where the last so many lines begin; one that has not ended yet is a line too. Reads from the end, piece by piece. */
function startOfTail(fd: number, lines: number): number {
  const { size } = fstatSync(fd)
  if (lines === 0) return size
  const piece = Buffer.alloc(LOG_CHUNK_BYTES)
  let left = lines
  // The newline at the very end begins no line.
  let end = size - 1
  while (end > 0) {
    const start = Math.max(0, end - piece.length)
    const length = readSync(fd, piece, 0, end - start, start)
    for (let at = length - 1; at >= 0; at--) if (piece[at] === NEWLINE && --left === 0) return start + at + 1
    end = start
  }
  return 0
}

const NEWLINE = 0x0a

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw error
  }
}
