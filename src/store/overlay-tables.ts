/**
 * Tables that keep their changes in memory, over tables that keep them for good: what was agreed on is applied here at
 * once, and written below together with what comes next. Rows are looked for among the fresh changes, then among the
 * frozen ones, which are on their way to the disk, then below.
 */
import { assert } from "../base/assert.ts"
import type { Keeper, Kept } from "./backend.ts"
import { OverlayTable, type Weight } from "./overlay-table.ts"
import { eachTable, type TableName, type Tables } from "./tables.ts"

export class OverlayTables implements Keeper {
  readonly #below: Keeper
  readonly #tables: Record<TableName, OverlayTable>
  readonly #fresh: Weight = { rows: 0, bytes: 0 }
  #frozen: Weight = { rows: 0, bytes: 0 }
  #isFrozen = false

  /** `below`: a backend, or whatever else has tables that can be kept. */
  constructor(below: Keeper) {
    this.#below = below
    this.#tables = eachTable((name) => new OverlayTable(below.tables[name], this.#fresh))
  }

  /** To read and to change; the changes stay in memory. Values that are put belong to the table: do not change them later. */
  get tables(): Tables {
    return this.#tables
  }

  /** Changed rows in memory, fresh and frozen. */
  get rows(): number {
    return this.#fresh.rows + this.#frozen.rows
  }

  /** Bytes of their keys and values. */
  get bytes(): number {
    return this.#fresh.bytes + this.#frozen.bytes
  }

  /** Whether anything was changed since the last `freeze`. */
  get isFresh(): boolean {
    return this.#fresh.rows > 0
  }

  /**
   * Sets the fresh changes apart, and gives what writes them into the tables of a commit. Only one set of them is frozen at
   * a time: `settled` comes in between.
   */
  freeze(): (into: Tables) => void {
    assert(!this.#isFrozen, "changes are on their way to the disk already")
    this.#isFrozen = true
    this.#frozen = { ...this.#fresh }
    this.#fresh.rows = this.#fresh.bytes = 0
    const frozen = eachTable((name) => this.#tables[name].freeze())
    return (into) => {
      for (const name in frozen) {
        const table = into[name as TableName]
        for (const [key, change] of frozen[name as TableName])
          if (change) table.put(key, change)
          else table.delete(key)
      }
    }
  }

  /**
   * The frozen changes are durable and show below: forgets them. Also to be called, with nothing frozen, when something else
   * was written below.
   */
  settled(): void {
    this.#isFrozen = false
    this.#frozen = { rows: 0, bytes: 0 }
    for (const name in this.#tables) this.#tables[name as TableName].settled()
  }

  /** What reads see now, kept together with what lies below. */
  keep(): Kept {
    const { tables, release } = this.#below.keep()
    return { tables: eachTable((name) => this.#tables[name].keep(tables[name])), release }
  }
}
