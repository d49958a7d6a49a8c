/** The real clock and the real source of chance, handed to the pure floors from here. */
import type { Clock } from "../base/clock.ts"
import type { Random } from "../base/random.ts"

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

export const systemRandom: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
}
