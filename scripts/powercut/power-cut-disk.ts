/**
 * What may lie on a disk when the power goes: all that was flushed, and of each write that was not yet, all, nothing, or
 * some of its sectors. Fed with the events of a journal in their order; between any two of them the power may go.
 */
import type { Seeded } from "../chaos/seeded.ts"
import { type DiskEvent, VoidRun } from "./journal.ts"

/** What a disk writes as a whole or not at all. */
const SECTOR_BYTES = 512
const GROWTH_BYTES = 1 << 16

type Change = { kind: "write"; offset: number; bytes: Uint8Array } | { kind: "truncate"; size: number }

interface Pending {
  change: Change
  begun: number
  /** The position at which the call returned; until then no flush can mean it. */
  ended: number | null
}

/** A file in memory that grows as it is written to. */
class FileBytes {
  #bytes = new Uint8Array(0)
  size = 0

  static copyOf(other: FileBytes): FileBytes {
    const copy = new FileBytes()
    copy.#bytes = other.bytes.slice()
    copy.size = other.size
    return copy
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size)
  }

  apply(change: Change): void {
    if (change.kind === "write") return this.write(change.offset, change.bytes)
    if (change.size < this.size) this.#bytes.fill(0, change.size, this.size)
    this.#grow(change.size)
    this.size = change.size
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    this.#grow(end)
    this.#bytes.set(bytes, offset)
    this.size = Math.max(this.size, end)
  }

  #grow(size: number): void {
    if (size <= this.#bytes.length) return
    const larger = new Uint8Array(2 * size + GROWTH_BYTES)
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** How the writes that were not flushed fared: each one's chance to be whole on the disk, and to be torn where it is not. */
export interface Fate {
  kept: number
  torn: number
}

/** From a disk that wrote nothing on its own to one that wrote all of it. */
export const FATES: readonly Fate[] = [
  { kept: 0, torn: 0 },
  { kept: 1, torn: 0 },
  { kept: 0.5, torn: 0 },
  { kept: 0.9, torn: 0.5 },
  { kept: 0.1, torn: 0.5 },
  { kept: 0.3, torn: 1 },
  { kept: 0, torn: 1 },
]

/** What became of the unflushed writes in one image. */
export interface Losses {
  kept: number
  dropped: number
  torn: number
}

export class PowerCutDisk {
  readonly #flushed = new FileBytes()
  /** In the order in which they were begun. */
  #pending: Pending[] = []
  readonly #syncs = new Set<number>()

  /** `position`: of the event in the journal. Throws `VoidRun` where the journal says what this cannot show. */
  take(event: DiskEvent, position: number): void {
    if (event.kind === "end") return this.#end(event, position)
    if (event.kind === "sync") this.#syncs.add(position)
    else this.#pending.push({ change: changeOf(event), begun: position, ended: null })
  }

  /** The file as it would be had the power stayed. */
  whole(): Uint8Array {
    const file = FileBytes.copyOf(this.#flushed)
    for (const { change } of this.#pending) file.apply(change)
    return file.bytes
  }

  /** Nothing that was written to it was ever flushed. */
  get isUnborn(): boolean {
    return this.#flushed.size === 0
  }

  image(fate: Fate, chance: Seeded): { bytes: Uint8Array; losses: Losses } {
    const file = FileBytes.copyOf(this.#flushed)
    const losses = { kept: 0, dropped: 0, torn: 0 }
    for (const { change } of this.#pending) losses[fareOf(file, change, fate, chance)]++
    return { bytes: file.bytes, losses }
  }

  #end({ begun, result, durable }: DiskEvent & { kind: "end" }, position: number): void {
    if (this.#syncs.delete(begun)) {
      if (durable) this.#flush((pending) => pending.ended !== null && pending.ended < begun)
      return
    }
    const pending = this.#pending.find((one) => one.begun === begun)
    if (pending === undefined) throw new VoidRun(`the end of event ${begun} came twice`)
    pending.ended = position
    const { change } = pending
    if (change.kind === "truncate" ? result !== 0 : result !== change.bytes.length)
      throw new VoidRun(`a change of the file had the result ${result}`)
    if (durable) this.#flush((one) => one === pending)
  }

  #flush(isMeant: (pending: Pending) => boolean): void {
    const left: Pending[] = []
    for (const pending of this.#pending) {
      if (!isMeant(pending)) left.push(pending)
      else if (left.some((earlier) => overlaps(earlier.change, pending.change)))
        throw new VoidRun("a flushed write lies over an earlier one that is not flushed")
      else this.#flushed.apply(pending.change)
    }
    this.#pending = left
  }
}

function changeOf(event: DiskEvent & { kind: "write" | "truncate" }): Change {
  if (event.kind === "write") return { kind: "write", offset: event.offset, bytes: event.bytes }
  return { kind: "truncate", size: event.size }
}

function overlaps(a: Change, b: Change): boolean {
  if (a.kind === "truncate" || b.kind === "truncate") return true
  return a.offset < b.offset + b.bytes.length && b.offset < a.offset + a.bytes.length
}

function fareOf(file: FileBytes, change: Change, { kept, torn }: Fate, chance: Seeded): keyof Losses {
  if (chance.next() < kept) {
    file.apply(change)
    return "kept"
  }
  if (change.kind === "truncate" || chance.next() >= torn) return "dropped"
  const sectors = sectorsOf(change).map((sector) => ({ sector, isKept: chance.next() < 0.5 }))
  for (const { sector, isKept } of sectors) if (isKept) file.write(sector.offset, sector.bytes)
  const count = sectors.filter(({ isKept }) => isKept).length
  return count === 0 ? "dropped" : count === sectors.length ? "kept" : "torn"
}

/** A write, cut where sectors of the disk meet. */
export function sectorsOf({ offset, bytes }: { offset: number; bytes: Uint8Array }) {
  const sectors: { offset: number; bytes: Uint8Array }[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES))
    sectors.push({ offset: offset + at, bytes: bytes.subarray(at, end) })
    at = end
  }
  return sectors
}
