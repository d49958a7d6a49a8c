import { expect, test } from "bun:test"
import type { OvlError } from "../../base/errors.ts"
import { systemClock } from "../../linux/system.ts"
import type { Entry } from "../../raft/types.ts"
import { memoryBackend } from "../memory-backend.ts"
import { BackendDisk } from "./disk.ts"
import type { DiskRound } from "./port.ts"
import { logKey, NUMBERS_KEY } from "./raft-rows.ts"
import { diskRound, firstRound } from "./rounds.ts"

const entry = (index: number, term: number, data = `${index}/${term}`): Entry => ({
  index,
  term,
  type: "EntryNormal",
  data: new TextEncoder().encode(data),
})
const write = (disk: BackendDisk, round: Partial<DiskRound>): Promise<OvlError | null> =>
  new Promise((resolve) => disk.write(diskRound(round), resolve))
const terms = (disk: BackendDisk): string =>
  (disk.entries(disk.firstIndex(), disk.lastIndex() + 1, 1e9) ?? []).map(({ term }) => term).join("")

async function started(): Promise<{ backend: ReturnType<typeof memoryBackend>; disk: BackendDisk }> {
  const backend = memoryBackend()
  const disk = new BackendDisk(backend, systemClock)
  await write(disk, firstRound(7, "7"))
  await write(disk, { entries: [2, 3, 4].map((index) => entry(index, 1)), hardState: { term: 1, vote: 7, commit: 3 } })
  return { backend, disk }
}

test("a log is found again as it was written, cut at both ends", async () => {
  const { backend, disk } = await started()
  await write(disk, { entries: [entry(4, 2), entry(5, 2)], applied: { index: 3, term: 1 } })
  expect([terms(disk), disk.logEntries, disk.logBytes]).toEqual(["1122", 4, 12])
  await write(disk, { compactTo: 3 })
  const again = new BackendDisk(backend, systemClock)
  for (const found of [disk, again]) {
    expect([terms(found), found.firstIndex(), found.lastIndex(), found.term(3), found.term(2)]).toEqual([
      "22",
      4,
      5,
      1,
      undefined,
    ])
    expect([found.logEntries, found.logBytes]).toEqual([2, 6])
    expect(found.entries(3, 5, 1e9)).toBeUndefined()
  }
  expect(again.load().applied).toEqual({ index: 3, term: 1 })
  expect(again.load().hardState).toEqual({ term: 1, vote: 7, commit: 3 })
  expect(again.load().confState.voters).toEqual([7])
  expect(backend.tables.log.pageKeys("", null, 99)).toEqual([logKey(4), logKey(5)])
  await write(again, { entries: [entry(4, 3)] })
  expect(backend.tables.log.pageKeys("", null, 99)).toEqual([logKey(4)])
})

test("a row that is damaged, or gone, is never taken for a shorter log", async () => {
  const spoil: [string, (tables: ReturnType<typeof memoryBackend>) => unknown][] = [
    [logKey(4), ({ tables }) => tables.log.get(logKey(4))],
    [NUMBERS_KEY, ({ tables }) => tables.raft.get(NUMBERS_KEY)],
  ]
  for (const [key, get] of spoil) {
    const { backend } = await started()
    const row = (get(backend) as Uint8Array).slice()
    row[row.length - 1]! ^= 1
    await backend.commit(({ log, raft }) => (key === NUMBERS_KEY ? raft : log).put(key, row))
    expect(() => new BackendDisk(backend, systemClock)).toThrow("damaged")
  }
  const { backend } = await started()
  await backend.commit(({ log }) => log.delete(logKey(3)))
  const disk = new BackendDisk(backend, systemClock)
  expect(() => disk.term(3)).toThrow("damaged")
  await backend.commit(({ log }) => log.delete(logKey(4)))
  expect(() => new BackendDisk(backend, systemClock)).toThrow("damaged")
})

test("a row of another place is damaged there", async () => {
  const { backend } = await started()
  await backend.commit(({ log }) => log.put(logKey(3), backend.tables.log.get(logKey(2))!))
  expect(() => new BackendDisk(backend, systemClock).term(3)).toThrow("damaged")
})
