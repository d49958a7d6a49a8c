/** The store in memory, for tests. */
import type { Clock } from "../base/clock.ts"
import { notAvailable } from "../base/errors.ts"
import type { Store } from "./port.ts"

export function openMemoryStore(_options: { clock: Clock }): Store {
  throw notAvailable("memory store")
}
