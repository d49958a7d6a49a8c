/**
 * Where the search has been: which answered operations had their place, in which state, at the price of which operations
 * of unknown outcome. From a place that was reached at a lower price, everything was tried already that a higher price
 * could buy, so it need not be looked at again.
 *
 * It is what grows, so it is what is bounded.
 */

/** What an entry costs beside the characters of its key, about. */
const ENTRY_OVERHEAD_BYTES = 160
const CHARACTER_BYTES = 2

export class Visited {
  private readonly prices = new Map<string, number[][]>()
  private size = 0
  private bytes = 0

  /** How many places are remembered. */
  get count(): number {
    return this.size
  }

  /** An estimate of the memory taken. */
  get estimatedBytes(): number {
    return this.bytes
  }

  /** Remembers a place, or gives false if it was seen at this price or a lower one. `price` is ascending. */
  add(place: string, price: number[]): boolean {
    const known = this.prices.get(place)
    if (known?.some((paid) => isPartOf(paid, price))) return false
    if (known === undefined) {
      this.prices.set(place, [price])
      this.bytes += ENTRY_OVERHEAD_BYTES + place.length * CHARACTER_BYTES
    } else known.push(price)
    this.size += 1
    this.bytes += price.length * Float64Array.BYTES_PER_ELEMENT
    return true
  }
}

/** Both ascending. */
function isPartOf(part: readonly number[], whole: readonly number[]): boolean {
  if (part.length > whole.length) return false
  let at = 0
  for (const wanted of part) {
    while (at < whole.length && whole[at]! < wanted) at += 1
    if (whole[at] !== wanted) return false
    at += 1
  }
  return true
}

/** `price` and one more, ascending. */
export function withOne(price: readonly number[], index: number): number[] {
  const at = price.findIndex((other) => other > index)
  return at === -1 ? [...price, index] : [...price.slice(0, at), index, ...price.slice(at)]
}
