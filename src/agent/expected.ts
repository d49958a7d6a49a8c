/** Endpoints that attaches under way have asked for: until they are made, nobody else puts them into the kernel. */
import type { EndpointRecord } from "../model/endpoint.ts"

export type Expectation = Pick<EndpointRecord, "networkId" | "name">

export class Expected {
  /** How many attaches ask for it, by `<network>/<name>`. */
  readonly #counts = new Map<string, number>()

  has(endpoint: Expectation): boolean {
    return this.#counts.has(keyOf(endpoint))
  }

  /** `settle` is to be called when the attach has made them, or has failed. */
  add(specs: readonly Expectation[]): { settle: () => void } {
    const keys = specs.map(keyOf)
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    return {
      settle: () => {
        // One of two attaches that ask for the same name fails: it must not speak for the other.
        for (const key of keys) {
          const count = this.#counts.get(key)
          if (count !== undefined && count > 1) this.#counts.set(key, count - 1)
          else this.#counts.delete(key)
        }
      },
    }
  }

  /** They are there. */
  made(endpoints: readonly Expectation[]): void {
    for (const endpoint of endpoints) this.#counts.delete(keyOf(endpoint))
  }
}

function keyOf({ networkId, name }: Expectation): string {
  return `${networkId}/${name}`
}
