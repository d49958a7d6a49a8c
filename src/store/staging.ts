/**
 * The state as it would be: changes of a transaction that may yet turn out not to be made, laid over a reader. Nothing
 * goes to the tables before the transaction is known to succeed, so that undoing it is forgetting this.
 */
import type { Entry } from "./port.ts"
import type { Reader } from "./reader.ts"

export interface Wipe {
  prefix: string
  except: string[]
}

export class Staging {
  readonly #reader: Reader
  /** Null: it is gone. What lies here is later than any wipe that covers it. */
  readonly #entries = new Map<string, Entry | null>()
  readonly #wipes: Wipe[] = []
  /** What was read from below. */
  readonly #found = new Map<string, Entry | undefined>()

  constructor(reader: Reader) {
    this.#reader = reader
  }

  entry(key: string): Entry | undefined {
    const staged = this.#entries.get(key)
    if (staged !== undefined) return staged ?? undefined
    if (this.#wipes.length > 0 && this.#isWiped(key)) return undefined
    return this.below(key)
  }

  /** What the reader has, whatever lies over it: read once, as long as nothing of this is carried out. */
  below(key: string): Entry | undefined {
    if (this.#found.has(key)) return this.#found.get(key)
    const entry = this.#reader.entry(key)
    this.#found.set(key, entry)
    return entry
  }

  put(entry: Entry): void {
    this.#entries.set(entry.key, entry)
  }

  remove(key: string): void {
    this.#entries.set(key, null)
  }

  removePrefix(prefix: string, except: string[]): void {
    const wipe = { prefix, except }
    for (const key of this.#entries.keys()) if (covers(wipe, key)) this.#entries.delete(key)
    this.#wipes.push(wipe)
  }

  /** Entries below the prefix, in byte order. */
  *entries(prefix: string): Generator<Entry> {
    const staged = [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes)
    let next = 0
    for (const entry of this.#reader.entries(prefix)) {
      while (next < staged.length && staged[next]! < entry.key) yield* present(this.#entries.get(staged[next++]!))
      if (staged[next] === entry.key) yield* present(this.#entries.get(staged[next++]!))
      else if (!this.#isWiped(entry.key)) yield entry
    }
    while (next < staged.length) yield* present(this.#entries.get(staged[next++]!))
  }

  /** What is to be done to make it so: first the wipes, then the changes. */
  get wipes(): readonly Wipe[] {
    return this.#wipes
  }

  get changes(): ReadonlyMap<string, Entry | null> {
    return this.#entries
  }

  #isWiped(key: string): boolean {
    return this.#wipes.some((wipe) => covers(wipe, key))
  }
}

function covers({ prefix, except }: Wipe, key: string): boolean {
  return key.startsWith(prefix) && !except.some((spared) => key.startsWith(spared))
}

function present(entry: Entry | null | undefined): Entry[] {
  return entry ? [entry] : []
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
