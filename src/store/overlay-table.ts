/** One table of which the changes are in memory: a layer of fresh ones, a layer of frozen ones, and a table below. */
import { OVERLAY_SKIP_KEYS } from "../base/limits.ts"
import { type Change, Layer, lowerBound } from "./overlay-layer.ts"
import { copyOf, type ReadTable, type Row, type Table } from "./tables.ts"

/** How the rows of a walk are had: whole, or their keys alone. */
interface Form<T> {
  below(from: string, to: string | null, limit: number): T[]
  keyOf(row: T): string
  changed(key: string, value: Uint8Array): T
}

/** Nothing is to be seen with `from` <= key < `until`. */
interface Gap {
  from: string
  until: string
}

/** A walk that meets a deleted row looks this far ahead at first. */
const SKIP_FIRST_KEYS = 4

export class LayeredTable implements ReadTable {
  protected readonly below: ReadTable
  protected fresh: Layer
  protected frozen: Layer
  /**
   * The last long run of deleted keys that was walked over: who takes rows away at the front, and looks for the first one
   * each time, would else walk over all that he took away.
   */
  protected gap: Gap | null = null
  readonly #whole: Form<Row>
  readonly #keys: Form<string>

  constructor(below: ReadTable, fresh: Layer, frozen: Layer) {
    this.below = below
    this.fresh = fresh
    this.frozen = frozen
    this.#whole = {
      below: (from, to, limit) => below.page(from, to, limit),
      keyOf: (row) => row.key,
      changed: (key, value) => ({ key, value: copyOf(value) }),
    }
    this.#keys = {
      below: (from, to, limit) => below.pageKeys(from, to, limit),
      keyOf: (key) => key,
      changed: (key) => key,
    }
  }

  get(key: string): Uint8Array | undefined {
    const change = this.change(key)
    if (change === undefined) return this.below.get(key)
    return change === null ? undefined : copyOf(change)
  }

  page(from: string, to: string | null, limit: number): Row[] {
    return this.#isPlain ? this.below.page(from, to, limit) : this.#walk(this.#whole, from, to, limit)
  }

  pageKeys(from: string, to: string | null, limit: number): string[] {
    return this.#isPlain ? this.below.pageKeys(from, to, limit) : this.#walk(this.#keys, from, to, limit)
  }

  protected change(key: string): Change | undefined {
    const fresh = this.fresh.get(key)
    return fresh === undefined ? this.frozen.get(key) : fresh
  }

  get #isPlain(): boolean {
    return this.fresh.size === 0 && this.frozen.size === 0
  }

  /**
   * Goes on in stretches of keys. Of the table below, each takes as many rows as are still wanted; after a stretch that
   * gave nothing, it looks at keys alone until it meets one that is there.
   */
  #walk<T>(form: Form<T>, from: string, to: string | null, limit: number): T[] {
    const found: T[] = []
    const { gap } = this
    let next = gap && gap.from <= from && from < gap.until ? gap.until : from
    if (to !== null && next >= to) return found
    const changes = new Changes(this.fresh, this.frozen, next)
    let skipping = false
    let ahead = SKIP_FIRST_KEYS
    while (found.length < limit) {
      const wanted = limit - found.length
      const rows: T[] = skipping ? [] : form.below(next, to, wanted)
      let end = rows.length < wanted ? to : behind(form.keyOf(rows.at(-1)!))
      let isLast = rows.length < wanted
      if (skipping) {
        const keys = this.below.pageKeys(next, to, ahead)
        const there = keys.find((key) => this.change(key) !== null)
        isLast = there === undefined && keys.length < ahead
        ahead = Math.min(4 * ahead, OVERLAY_SKIP_KEYS)
        end = there ?? (isLast ? to : behind(keys.at(-1)!))
        skipping = there === undefined
      }
      const before = found.length
      this.#merge(form, rows, changes, end, limit, found)
      if (isLast || end === null) break
      if (found.length === before && rows.length > 0) skipping = true
      if (found.length === 0) this.#remember(from, end)
      next = end
    }
    return found
  }

  /** Adds to `found` what is to be seen of `rows`, and of the changes before `end`. */
  #merge<T>(form: Form<T>, rows: T[], changes: Changes, end: string | null, limit: number, found: T[]): void {
    let at = 0
    while (found.length < limit) {
      const row = rows[at]
      const changed = changes.next(end)
      if (row === undefined && changed === undefined) return
      if (changed === undefined || (row !== undefined && form.keyOf(row) < changed)) {
        found.push(row!)
        at++
        continue
      }
      if (row !== undefined && form.keyOf(row) === changed) at++
      const value = this.change(changed)
      if (value) found.push(form.changed(changed, value))
      changes.pass(changed)
    }
  }

  #remember(from: string, until: string): void {
    const { gap } = this
    const joins = gap !== null && gap.from <= from && from <= gap.until
    this.gap = { from: joins ? gap.from : from, until: joins && gap.until > until ? gap.until : until }
  }
}

/** The keys of the changes of two layers, in byte order. */
class Changes {
  readonly #fresh: readonly string[]
  readonly #frozen: readonly string[]
  #freshAt: number
  #frozenAt: number

  constructor(fresh: Layer, frozen: Layer, from: string) {
    this.#fresh = fresh.sorted()
    this.#frozen = frozen.sorted()
    this.#freshAt = lowerBound(this.#fresh, from)
    this.#frozenAt = lowerBound(this.#frozen, from)
  }

  /** The next one before `end`, or undefined. */
  next(end: string | null): string | undefined {
    const fresh = this.#fresh[this.#freshAt]
    const frozen = this.#frozen[this.#frozenAt]
    const key = fresh === undefined || (frozen !== undefined && frozen < fresh) ? frozen : fresh
    return key === undefined || (end !== null && key >= end) ? undefined : key
  }

  /** That one is dealt with. */
  pass(key: string): void {
    if (this.#fresh[this.#freshAt] === key) this.#freshAt++
    if (this.#frozen[this.#frozenAt] === key) this.#frozenAt++
  }
}

/** What an overlay has in memory, all tables together. */
export interface Weight {
  rows: number
  bytes: number
}

export class OverlayTable extends LayeredTable implements Table {
  readonly #weight: Weight

  /** Counts what is changed into `weight`. */
  constructor(below: ReadTable, weight: Weight) {
    super(below, new Layer(), new Layer())
    this.#weight = weight
  }

  put(key: string, value: Uint8Array): void {
    this.#set(key, value)
    const { gap } = this
    if (gap && gap.from <= key && key < gap.until) this.gap = null
  }

  delete(key: string): void {
    this.#set(key, null)
  }

  /** Sets the fresh changes apart, and gives them. */
  freeze(): Iterable<[string, Change]> {
    this.frozen = this.fresh
    this.fresh = new Layer()
    return this.frozen.entries()
  }

  settled(): void {
    if (this.frozen.size > 0) this.frozen = new Layer()
    // Whoever writes below without asking here may fill it.
    this.gap = null
  }

  keep(below: ReadTable): ReadTable {
    this.fresh.isKept = true
    return new LayeredTable(below, this.fresh, this.frozen)
  }

  #set(key: string, change: Change): void {
    if (this.fresh.isKept) this.fresh = this.fresh.copy()
    const before = this.fresh.get(key)
    if (before === undefined) {
      this.#weight.rows++
      this.#weight.bytes += key.length
    }
    this.#weight.bytes += (change?.length ?? 0) - (before?.length ?? 0)
    this.fresh.set(key, change)
  }
}

/** The least key above this one. */
function behind(key: string): string {
  return `${key}\0`
}
