/**
 * Endpoints that go, told to the cluster in as few calls as may be: while one call is under way, the next ones gather.
 * The kernel waits once for each call's links of one namespace, so a thousand that go together cost little more than ten,
 * and where they are more than one call takes, those of one network go in the same.
 */
import type { Clock } from "../base/clock.ts"
import { ENDPOINTS_PER_CALL_MAX, REMOVALS_GATHER_MS } from "../base/limits.ts"
import type { EndpointRecord } from "../model/endpoint.ts"

interface Waiting {
  endpoints: readonly EndpointRecord[]
  resolve: () => void
  reject: (error: unknown) => void
}

export class RemovalQueue {
  readonly #clock: Clock
  /** One call; what it throws, all that were in it hear. */
  readonly #remove: (endpoints: EndpointRecord[]) => Promise<void>
  #waiting: Waiting[] = []
  #running = false

  constructor(clock: Clock, remove: (endpoints: EndpointRecord[]) => Promise<void>) {
    this.#clock = clock
    this.#remove = remove
  }

  /** Resolves when the call in which they went has come back. */
  add(endpoints: readonly EndpointRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ endpoints, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.length > 0) {
      const together = this.#next()
      const endpoints = together.flatMap((each) => each.endpoints)
      await this.#remove(endpoints).then(
        () => settle(together, ({ resolve }) => resolve()),
        (error) => settle(together, ({ reject }) => reject(error)),
      )
      // Those who heard just now, and requests that came in meanwhile, have a moment to say what else is to go.
      await new Promise<void>((resolve) => this.#clock.after(REMOVALS_GATHER_MS, resolve))
    }
    this.#running = false
  }

  /**
   * As many as fit into one call: those of whoever waits longest, then what goes with it; those of one caller stay
   * together.
   */
  #next(): Waiting[] {
    const byNetwork = Map.groupBy(this.#waiting, ({ endpoints }) => endpoints[0]?.networkId)
    const next: Waiting[] = []
    let size = 0
    for (const one of [...byNetwork.values()].flat()) {
      size += one.endpoints.length
      if (next.length > 0 && size > ENDPOINTS_PER_CALL_MAX) break
      next.push(one)
    }
    const taken = new Set(next)
    this.#waiting = this.#waiting.filter((one) => !taken.has(one))
    return next
  }
}

function settle(waiting: readonly Waiting[], tell: (one: Waiting) => void): void {
  for (const one of waiting) tell(one)
}
