/**
 * Keys of any length over tables that take short ones only. A key of up to CHUNK_BYTES is a row of its own. Of a longer
 * one the first CHUNK_BYTES and a zero byte name a row that holds a number, and the rest of the key goes on, in the same
 * manner, in table `far` below that number. That row sorts right behind the key that is just the chunk and before all
 * others, so a walk that goes down where it meets one gives all keys, short and long, exactly in byte order, and a key
 * is found in one step more for each further chunk.
 */
import { STORE_PAGE_MAX_ROWS } from "../base/limits.ts"
import { COUNTER_BYTES, counterKey, readCounterKey, successor } from "./keys.ts"
import type { ReadTable, Row, Table } from "./tables.ts"

export const CHUNK_BYTES = 1_024
const POINTER_BYTES = CHUNK_BYTES + 1
/** Where `far` keeps the last number that it gave; real numbers begin with 1. */
const LAST_NUMBER = counterKey(0)
const FIRST_PAGE_ROWS = 4

/** Where a row lies: in `near`, or in `far` below a number. */
interface Place<T extends ReadTable> {
  table: T
  key: string
}

export class LongReadTable<T extends ReadTable = ReadTable> {
  protected readonly near: T
  protected readonly far: T

  constructor(near: T, far: T) {
    this.near = near
    this.far = far
  }

  get(key: string): Uint8Array | undefined {
    if (key.length <= CHUNK_BYTES) return this.near.get(key)
    const place = this.find(key)
    return place?.table.get(place.key)
  }

  /** The first row with `from` <= key < `to`, or undefined. */
  first(from: string, to: string | null): Row | undefined {
    for (const row of this.rows(from, to, 1)) return row
    return undefined
  }

  /**
   * All rows with `from` <= key < `to`, in byte order. It reads in pages, of `pageRows` rows at first and growing; the
   * caller may change rows that it was given, and those before, while it walks on.
   */
  *rows(from: string, to: string | null, pageRows = FIRST_PAGE_ROWS): Generator<Row> {
    const bound = to === null || to.length <= CHUNK_BYTES ? to : `${to.slice(0, CHUNK_BYTES)}\x01`
    for (const row of this.#walk(this.near, "", "", from, bound, pageRows)) {
      if (to !== null && row.key >= to) return
      yield row
    }
  }

  /** As `rows`, but only the keys; of values it reads no more than the numbers that long keys lead to. */
  *keys(from: string, to: string | null): Generator<string> {
    let next = from
    let size = FIRST_PAGE_ROWS
    for (;;) {
      const bound = to === null || to.length <= CHUNK_BYTES ? to : `${to.slice(0, CHUNK_BYTES)}\x01`
      const page: string[] = next.length > CHUNK_BYTES ? [] : this.near.pageKeys(next, bound, size)
      const long = page.findIndex((key) => key.length >= POINTER_BYTES)
      const short = long < 0 ? page : page.slice(0, long)
      for (const key of short) {
        if (to !== null && key >= to) return
        yield key
      }
      if (long < 0 && page.length < size && next.length <= CHUNK_BYTES) return
      if (long >= 0 || next.length > CHUNK_BYTES) {
        const head = (long >= 0 ? page[long]! : next).slice(0, CHUNK_BYTES)
        const behind = successor(head)
        const start = long >= 0 ? `${head}\0` : next
        for (const { key } of this.rows(start, to !== null && (behind === null || to < behind) ? to : behind)) yield key
        if (behind === null) return
        next = behind
      } else next = `${page.at(-1)!}\0`
      size = Math.min(size * 4, STORE_PAGE_MAX_ROWS)
    }
  }

  /** Rows of `table` below `base`, of which the full keys begin with `head`. */
  *#walk(table: T, base: string, head: string, from: string, bound: string | null, pageRows: number): Generator<Row> {
    let next = base + from
    if (from.length > CHUNK_BYTES) {
      const pointer = base + pointerKey(from)
      const number = table.get(pointer)
      if (number) yield* this.#below(number, head + from.slice(0, CHUNK_BYTES), from.slice(CHUNK_BYTES), pageRows)
      next = `${pointer}\0`
    }
    let size = pageRows
    for (;;) {
      const page = table.page(next, bound, size)
      for (const row of page) {
        const rest = row.key.slice(base.length)
        if (rest.length < POINTER_BYTES) yield { key: head + rest, value: row.value }
        else yield* this.#below(row.value, head + rest.slice(0, CHUNK_BYTES), "", pageRows)
      }
      if (page.length < size) return
      next = `${page.at(-1)!.key}\0`
      size = Math.min(size * 4, STORE_PAGE_MAX_ROWS)
    }
  }

  #below(number: Uint8Array, head: string, from: string, pageRows: number): Generator<Row> {
    const base = text(number)
    return this.#walk(this.far, base, head, from, successor(base), pageRows)
  }

  /** Where a key's row is, if all the rows that lead there exist. */
  protected find(key: string): Place<T> | undefined {
    let place: Place<T> = { table: this.near, key: "" }
    let rest = key
    while (rest.length > CHUNK_BYTES) {
      const number = place.table.get(place.key + pointerKey(rest))
      if (!number) return undefined
      place = { table: this.far, key: text(number) }
      rest = rest.slice(CHUNK_BYTES)
    }
    return { table: place.table, key: place.key + rest }
  }
}

export class LongTable extends LongReadTable<Table> {
  put(key: string, value: Uint8Array): void {
    let table = this.near
    let base = ""
    let rest = key
    while (rest.length > CHUNK_BYTES) {
      const pointer = base + pointerKey(rest)
      base = text(table.get(pointer) ?? this.#newNumber(table, pointer))
      table = this.far
      rest = rest.slice(CHUNK_BYTES)
    }
    table.put(base + rest, value)
  }

  delete(key: string): void {
    if (key.length <= CHUNK_BYTES) return this.near.delete(key)
    const place = this.find(key)
    if (!place) return
    place.table.delete(place.key)
    // The row that led here goes when nothing else hangs below it.
    const base = place.key.slice(0, COUNTER_BYTES)
    if (this.far.page(base, successor(base), 1).length > 0) return
    const chunks = Math.ceil(key.length / CHUNK_BYTES) - 1
    this.#deletePointer(key.slice(0, chunks * CHUNK_BYTES))
  }

  /** Removes the pointer row of `head`, whole chunks, and what led to it if that is empty then. */
  #deletePointer(head: string): void {
    const above = head.slice(0, -CHUNK_BYTES)
    const base = above === "" ? "" : this.#numberOf(above)
    const table = above === "" ? this.near : this.far
    table.delete(base + pointerKey(head.slice(-CHUNK_BYTES)))
    if (above !== "" && this.far.page(base, successor(base), 1).length === 0) this.#deletePointer(above)
  }

  #numberOf(head: string): string {
    const place = this.find(`${head}\0`)
    return place ? place.key.slice(0, COUNTER_BYTES) : LAST_NUMBER
  }

  #newNumber(table: Table, pointer: string): Uint8Array {
    const last = this.far.get(LAST_NUMBER)
    const number = bytes(counterKey((last ? readCounterKey(text(last)) : 0) + 1))
    this.far.put(LAST_NUMBER, number)
    table.put(pointer, number)
    return number
  }
}

function pointerKey(rest: string): string {
  return `${rest.slice(0, CHUNK_BYTES)}\0`
}

function text(number: Uint8Array): string {
  return String.fromCharCode(...number)
}

function bytes(number: string): Uint8Array {
  return Uint8Array.from(number, (character) => character.charCodeAt(0))
}
