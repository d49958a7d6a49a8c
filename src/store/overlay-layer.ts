/** Changes of one table in memory: by key, and in byte order where somebody walks over them. */

/** A row's new value; null: it is deleted. */
export type Change = Uint8Array | null

export class Layer {
  readonly #rows: Map<string, Change>
  #keys: string[]
  /** Keys that are in `#rows` and not yet in `#keys`. */
  #added: string[] = []
  /** Somebody keeps it as it is: whoever wants to change it makes a copy. */
  isKept = false

  constructor(rows = new Map<string, Change>(), keys: string[] = []) {
    this.#rows = rows
    this.#keys = keys
  }

  get size(): number {
    return this.#rows.size
  }

  /** Undefined where it has no change of this key. */
  get(key: string): Change | undefined {
    return this.#rows.get(key)
  }

  set(key: string, change: Change): void {
    const { size } = this.#rows
    this.#rows.set(key, change)
    if (this.#rows.size > size) this.#added.push(key)
  }

  copy(): Layer {
    return new Layer(new Map(this.#rows), this.sorted().slice())
  }

  entries(): Iterable<[string, Change]> {
    return this.#rows
  }

  /** All keys in byte order; not to be changed, and good until the next `set`. */
  sorted(): readonly string[] {
    if (this.#added.length > FEW_ADDED) this.#keys = this.#keys.concat(this.#added).sort()
    else for (const key of this.#added) this.#keys.splice(lowerBound(this.#keys, key), 0, key)
    if (this.#added.length > 0) this.#added = []
    return this.#keys
  }
}

/** So many are put where they belong one by one; with more, sorting all is quicker. */
const FEW_ADDED = 16

/** Where `key` is among sorted keys, or would be put. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
