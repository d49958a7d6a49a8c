/**
 * Messages with entries that are on their way to one follower and not acknowledged: a window, bounded in messages and
 * in bytes, so that a slow follower does not get the whole log into its queues.
 */
import { assert } from "../../base/assert.ts"

export class Inflights {
  private readonly maxMessages: number
  private readonly maxBytes: number
  /** The last index of each message, and its bytes; `start` is the oldest one not freed. */
  private indexes: number[] = []
  private sizes: number[] = []
  private start = 0
  private total = 0

  constructor(maxMessages: number, maxBytes: number) {
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
  }

  get count(): number {
    return this.indexes.length - this.start
  }

  get bytes(): number {
    return this.total
  }

  /** The byte bound is looked at before a message is added, so that the last one may exceed it. */
  full(): boolean {
    return this.count >= this.maxMessages || this.total >= this.maxBytes
  }

  /** A message whose last entry is `index` was sent; indexes come in ascending order. */
  add(index: number, bytes: number): void {
    assert(!this.full(), "a message was sent into a full window")
    this.indexes.push(index)
    this.sizes.push(bytes)
    this.total += bytes
  }

  /** The follower has everything up to `index`: all messages that end there or before are freed. */
  freeTo(index: number): void {
    if (this.indexes.length === 0) return
    while (this.start < this.indexes.length && this.indexes[this.start]! <= index) {
      this.total -= this.sizes[this.start]!
      this.start++
    }
    if (this.start === this.indexes.length) {
      this.reset()
    } else if (this.start > this.indexes.length / 2) {
      this.indexes.splice(0, this.start)
      this.sizes.splice(0, this.start)
      this.start = 0
    }
  }

  reset(): void {
    this.indexes.length = 0
    this.sizes.length = 0
    this.start = 0
    this.total = 0
  }
}
