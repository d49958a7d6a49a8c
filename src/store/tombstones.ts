/**
 * What the store remembers of changes to keys that are there no more, so that the last change below a prefix is right
 * after deletions and restarts, at a bounded cost. Each folder has a mark: the revision of the last change below it. Each
 * deleted key has a tomb. A mark of an emptied folder and a tomb are also graves, in the order of their revisions; when
 * there are too many, the oldest are forgotten and their revision goes into the floor of the folder above. What is
 * forgotten in this way makes later answers higher than they need be, never lower; all members forget alike.
 */
import { TOMBSTONES_PER_COMMAND_MAX } from "../base/limits.ts"
import { decodeRevision, encodeRevision, type Header } from "./codec.ts"
import { COUNTER_BYTES, foldersOf, readCounterKey, successor } from "./keys.ts"
import { CHUNK_BYTES, LongTable } from "./longkeys.ts"
import { graveKey, markKey } from "./reader.ts"
import type { Tables } from "./tables.ts"

const NOTHING: Uint8Array = Uint8Array.of(1)

export class History {
  readonly #header: Header
  readonly #gravesMax: number
  readonly #entries: LongTable
  readonly #marks: LongTable
  readonly #floors: LongTable
  readonly #tombs: LongTable
  readonly #graves: LongTable
  /** Keys that the present command changed, and folders from which it took a key. */
  #touched = new Set<string>()
  #thinned = new Set<string>()
  /** The folder of the key that came last. */
  #lastTouched: string | null = null
  #lastThinned: string | null = null
  #buried = 0
  /** Marks of this run, written at its end: many commands of a run change the same few folders. */
  readonly #pending = new Map<string, number>()

  constructor(tables: Tables, header: Header, gravesMax: number) {
    this.#header = header
    this.#gravesMax = gravesMax
    this.#entries = new LongTable(tables.entries, tables.far)
    this.#marks = new LongTable(tables.marks, tables.far)
    this.#floors = new LongTable(tables.floors, tables.far)
    this.#tombs = new LongTable(tables.tombs, tables.far)
    this.#graves = new LongTable(tables.graves, tables.far)
  }

  /** The present command has changed a key. */
  touch(key: string): void {
    // Neighbours come one after the other, and share their folders.
    const folder = key.slice(0, key.lastIndexOf("/") + 1)
    if (folder === this.#lastTouched) return
    this.#lastTouched = folder
    for (const outer of foldersOf(folder)) this.#touched.add(outer)
    this.#touched.add("")
  }

  /** The present command has deleted a key. */
  bury(key: string, revision: number): void {
    this.touch(key)
    const folder = key.slice(0, key.lastIndexOf("/") + 1)
    if (folder !== this.#lastThinned) for (const outer of foldersOf(folder)) this.#thinned.add(outer)
    this.#lastThinned = folder
    if (++this.#buried > TOMBSTONES_PER_COMMAND_MAX) return this.#raiseFloor(key, revision)
    this.#tombs.put(key, encodeRevision(revision))
    this.#dig(revision, "k", key)
  }

  /** Nothing below `area` may seem older than this any more, whatever is there and whatever is remembered of it. */
  raise(area: string, revision: number): void {
    const folders = foldersOf(area)
    for (const folder of folders) this.#touched.add(folder)
    this.#touched.add("")
    const key = markKey(folders.at(-1) ?? "")
    if (decodeRevision(this.#floors.get(key)) < revision) this.#floors.put(key, encodeRevision(revision))
  }

  /** The present command is over, and was the one of `revision`. */
  settle(revision: number): void {
    for (const folder of this.#touched) this.#setMark(folder, revision)
    for (const folder of this.#thinned) if (this.#isEmpty(folder)) this.#dig(revision, "f", folder)
    if (this.#touched.size > 0) this.#touched = new Set()
    if (this.#thinned.size > 0) this.#thinned = new Set()
    this.#lastTouched = this.#lastThinned = null
    this.#buried = 0
    if (this.#header.graves > this.#gravesMax) this.#forget(this.#header.graves - this.#gravesMax)
  }

  /** Writes the marks of the run. */
  finish(): void {
    for (const [folder, revision] of this.#pending) this.#marks.put(markKey(folder), encodeRevision(revision))
    this.#pending.clear()
  }

  #dig(revision: number, kind: "k" | "f", name: string): void {
    const key = graveKey(revision, kind, name)
    // One command may put and delete a key several times.
    if (this.#graves.get(key)) return
    this.#graves.put(key, NOTHING)
    this.#header.graves++
  }

  #forget(count: number): void {
    for (const row of this.#graves.rows("", null, Math.min(count, 64))) {
      if (count-- <= 0) return
      const revision = readCounterKey(row.key)
      const name = row.key.slice(COUNTER_BYTES + 1)
      this.#graves.delete(row.key)
      this.#header.graves--
      if (row.key[COUNTER_BYTES] === "k") this.#forgetKey(name, revision)
      else this.#forgetFolder(name, revision)
    }
  }

  #forgetKey(key: string, revision: number): void {
    // A tomb of another revision belongs to a later deletion, which has a grave of its own.
    if (decodeRevision(this.#tombs.get(key)) !== revision) return
    this.#tombs.delete(key)
    if (!this.#entries.get(key)) this.#raiseFloor(key, revision)
  }

  #forgetFolder(folder: string, revision: number): void {
    if (this.#mark(folder) !== revision || !this.#isEmpty(folder)) return
    this.#pending.delete(folder)
    this.#marks.delete(markKey(folder))
    this.#floors.delete(markKey(folder))
    this.#raiseFloor(folder, revision)
  }

  /** In the folder above `name`; where that is forgotten itself, a folder further up has a floor at least as high. */
  #raiseFloor(name: string, revision: number): void {
    const above =
      foldersOf(name)
        .filter((folder) => folder !== name)
        .at(-1) ?? ""
    if (above !== "" && this.#mark(above) === 0 && !this.#touched.has(above)) return
    const key = markKey(above)
    if (decodeRevision(this.#floors.get(key)) < revision) this.#floors.put(key, encodeRevision(revision))
  }

  /** Long keys take numbers in the order in which they are written, so theirs are written at once, whatever the run. */
  #setMark(folder: string, revision: number): void {
    if (folder.length < CHUNK_BYTES) this.#pending.set(folder, revision)
    else this.#marks.put(markKey(folder), encodeRevision(revision))
  }

  #mark(folder: string): number {
    return this.#pending.get(folder) ?? decodeRevision(this.#marks.get(markKey(folder)))
  }

  #isEmpty(folder: string): boolean {
    return this.#entries.first(folder, successor(folder)) === undefined
  }
}
