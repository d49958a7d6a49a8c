/**
 * What is going to happen, in the order of simulated time; at one time, in the order in which it was planned. Nothing in
 * a simulated world happens but by this.
 */

interface Item {
  at: number
  order: number
  run: () => void
}

export class Agenda {
  /** Milliseconds since the life began. */
  now = 0
  private order = 0
  /** A binary heap. */
  private readonly items: Item[] = []

  get length(): number {
    return this.items.length
  }

  after(delayMs: number, run: () => void): void {
    const { items } = this
    const item = { at: this.now + delayMs, order: this.order++, run }
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Lets the next thing happen; false when there is none. */
  next(): boolean {
    const { items } = this
    const first = items[0]
    if (first === undefined) return false
    const last = items.pop()!
    if (items.length > 0) this.sink(last)
    this.now = first.at
    first.run()
    return true
  }

  private sink(item: Item): void {
    const { items } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child++
      if (!isBefore(items[child]!, item)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = item
  }
}

function isBefore(a: Item, b: Item): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
