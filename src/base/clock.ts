/** Time comes in as an argument, so that the pure floors and the simulation can do without a real clock. */
export interface Clock {
  /** Milliseconds since the epoch, for what people read. */
  now(): number
  /** Milliseconds on a clock that never jumps, for intervals. */
  monotonic(): number
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void): () => void
}
