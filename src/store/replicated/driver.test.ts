/** What the driver may say and do before, after and without a write: on a disk that writes when the test lets it. */
import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import { silentLog } from "../../base/log.ts"
import { systemClock } from "../../linux/system.ts"
import { confChangeProposal } from "../../raft/confchange/change.ts"
import { type Message, message } from "../../raft/message.ts"
import type { Entry } from "../../raft/types.ts"
import type { Backend } from "../backend.ts"
import { type Sized, transactionCommand } from "../command.ts"
import { memoryBackend } from "../memory-backend.ts"
import type { Operation } from "../port.ts"
import { BackendDisk } from "./disk.ts"
import { Driver } from "./driver.ts"
import type { DiskRound } from "./port.ts"
import { memberChange } from "./member-changes.ts"
import { membersText } from "./raft-rows.ts"
import { diskRound, firstRound } from "./rounds.ts"

type Done = (error: OvlError | null) => void

class HeldDisk extends BackendDisk {
  held: { round: DiskRound; done: Done } | null = null
  full: OvlError | null = null

  override write(round: DiskRound, done: Done): void {
    this.held = { round, done }
  }

  override refusal(): OvlError | null {
    return this.full
  }

  async release(): Promise<void> {
    const { round, done } = this.held!
    this.held = null
    const error = await new Promise<OvlError | null>((resolve) => super.write(round, resolve))
    done(error)
  }

  fail(error: OvlError): void {
    const { done } = this.held!
    this.held = null
    done(error)
  }
}

const nodeId = (id: number): string => `${id.toString(16).padStart(12, "0")}${"0".repeat(52)}`

interface Bench {
  driver: Driver
  backend: Backend
  disk: HeldDisk
  /** Types of the messages that were sent, each once a call. */
  sent: () => string
  told: string[]
  keys: () => string
  propose: (operation: Operation) => void
}

/** `before`: what the disk has beside the very first round. */
async function bench(voters: number[], before: Partial<DiskRound> = {}): Promise<Bench> {
  const backend = memoryBackend()
  const disk = new HeldDisk(backend, systemClock)
  disk.write({ ...firstRound(1, nodeId(1)), confState: conf(voters), members: named(voters) }, () => {})
  await disk.release()
  disk.write(diskRound(before), () => {})
  await disk.release()
  let messages: Message[] = []
  const told: string[] = []
  const driver = new Driver(
    {
      disk,
      send: (more) => void messages.push(...more),
      fetch: () => {},
      onApplied: (batch) => void told.push(...batch.map(({ revision }) => `applied ${revision}`)),
      onInstalled: () => {},
      onRole: () => {},
      onMembers: () => {},
      onFatal: ({ code }) => void told.push(`fatal ${code}`),
      random: () => 0,
      monotonic: () => 0,
      log: silentLog,
    },
    { self: nodeId(1) },
  )
  const sent = (): string => {
    const types = messages.map(({ type, to }) => `${type}>${to}`)
    messages = []
    return types.join(" ")
  }
  const propose = (operation: Operation): void => {
    const proposal: Sized = transactionCommand({ operations: [operation] }, 1)
    const end = (what: string): void => void told.push(`${operation.op} ${what}`)
    const error = driver.propose(proposal, (fate) => end("error" in fate ? fate.error.code : "done"))
    if (error) end(error.code)
    driver.process()
  }
  const keys = (): string => driver.state.tables.entries.pageKeys("", null, 99).join(" ")
  return { driver, backend, disk, sent, told, keys, propose }
}

const conf = (voters: number[]) => ({ voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false })
const named = (ids: number[]) => ({ nodes: new Map(ids.map((id) => [id, nodeId(id)])), removed: new Set<number>() })
const put = (key: string): Operation => ({ op: "put", key, value: new Uint8Array(3) })

async function lead(at: Bench): Promise<void> {
  at.driver.start()
  at.driver.process()
  while (at.disk.held) await at.disk.release()
}

test("a lone server answers, and shows, nothing before it is on its disk", async () => {
  const at = await bench([1])
  await lead(at)
  at.propose(put("a"))
  expect([at.keys(), at.told]).toEqual(["", []])
  await at.disk.release()
  expect([at.keys(), at.told]).toEqual(["a", ["applied 1", "put done"]])
})

test("what comes while the disk writes goes into the next write, all of it", async () => {
  const at = await bench([1])
  await lead(at)
  for (const key of ["a", "b", "c"]) at.propose(put(key))
  await at.disk.release()
  expect(at.disk.held!.round.entries.length).toBe(2)
  await at.disk.release()
  expect([at.keys(), at.disk.held]).toEqual(["a b c", null])
})

test("a follower attests an entry, and a vote, when it is on its disk", async () => {
  const at = await bench([1, 2, 3])
  at.driver.receive(message("MsgVote", 1, { from: 2, term: 5, index: 9, logTerm: 4 }))
  at.driver.process()
  expect(at.sent()).toBe("")
  expect(at.disk.held!.round.hardState).toMatchObject({ term: 5, vote: 2 })
  await at.disk.release()
  expect(at.sent()).toBe("MsgVoteResp>2")
  const entries = [{ term: 5, index: 2, type: "EntryNormal" as const, data: new Uint8Array() }]
  at.driver.receive(message("MsgApp", 1, { from: 2, term: 5, index: 1, logTerm: 1, entries, commit: 1 }))
  at.driver.process()
  expect(at.sent()).toBe("")
  await at.disk.release()
  expect(at.sent()).toBe("MsgAppResp>2")
})

test("an entry that was overwritten before it was written is not attested any more", async () => {
  const at = await bench([1, 2, 3])
  const append = (from: number, term: number, index: number): void => {
    const entries = [{ term, index, type: "EntryNormal" as const, data: new Uint8Array() }]
    at.driver.receive(message("MsgApp", 1, { from, term, index: index - 1, logTerm: index === 2 ? 1 : 5, entries }))
    at.driver.process()
  }
  append(2, 5, 2)
  append(2, 5, 3)
  append(3, 6, 3)
  expect(at.disk.held!.round.entries.map(({ index, term }) => `${index}/${term}`)).toEqual(["2/5"])
  await at.disk.release()
  expect(at.sent()).toBe("MsgAppResp>2")
  expect(at.disk.held!.round.entries.map(({ index, term }) => `${index}/${term}`)).toEqual(["3/6"])
  await at.disk.release()
  expect(at.sent()).toBe("MsgAppResp>3")
})

async function leadThree(at: Bench): Promise<void> {
  at.driver.leaderReset()
  for (let i = 0; i < 8; i++) at.driver.tick()
  at.driver.process()
  at.driver.receive(message("MsgPreVoteResp", 1, { from: 2, term: 2 }))
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  at.driver.receive(message("MsgVoteResp", 1, { from: 2, term: 2 }))
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  at.sent()
}

test("a leader sends while it writes, and its own disk counts like any other", async () => {
  const at = await bench([1, 2, 3])
  await leadThree(at)
  at.driver.receive(message("MsgAppResp", 1, { from: 2, term: 2, index: 2 }))
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  at.sent()
  at.propose(put("a"))
  expect(at.sent()).toContain("MsgApp>2")
  expect(at.disk.held).not.toBeNull()
  at.driver.receive(message("MsgAppResp", 1, { from: 2, term: 2, index: 3 }))
  at.driver.process()
  expect(at.told).toEqual([])
  at.driver.receive(message("MsgAppResp", 1, { from: 3, term: 2, index: 3 }))
  at.driver.process()
  // Decided by the others, and not durable here: reads would show what this member could forget.
  expect([at.keys(), at.told]).toEqual(["", []])
  await at.disk.release()
  expect([at.keys(), at.told]).toEqual(["a", ["applied 1", "put done"]])
})

test("after a write that failed nothing is written, said or answered", async () => {
  const at = await bench([1, 2, 3])
  await leadThree(at)
  at.propose(put("a"))
  at.sent()
  at.disk.fail(new OvlError("store_failed", "write: no"))
  expect(at.told).toEqual(["put store_failed", "fatal store_failed"])
  at.driver.receive(message("MsgVote", 1, { from: 2, term: 9, index: 9, logTerm: 9 }))
  for (let i = 0; i < 20; i++) at.driver.tick()
  at.driver.process()
  at.propose(put("b"))
  expect([at.sent(), at.disk.held, at.driver.role.leader]).toEqual(["", null, false])
  expect(at.told.slice(2)).toEqual(["put store_failed"])
})

test("on a full disk a lone server refuses what grows, and tries again what only takes away", async () => {
  const at = await bench([1])
  await lead(at)
  at.propose(put("a"))
  await at.disk.release()
  at.told.length = 0
  at.propose(put("b"))
  at.propose({ op: "delete", key: "a" })
  at.disk.full = new OvlError("store_full", "write: the disk is full")
  at.disk.fail(at.disk.full)
  while (at.disk.held) await at.disk.release()
  expect([at.keys(), at.told]).toEqual(["", ["put store_full", "applied 2", "delete done"]])
  at.propose(put("c"))
  expect(at.told.at(-1)).toBe("put store_full")
  at.disk.full = null
  at.propose(put("d"))
  while (at.disk.held) await at.disk.release()
  expect(at.keys()).toBe("d")
})

test("what is applied reaches the disk with a later write, and once more after a crash only if it did not", async () => {
  const at = await bench([1])
  await lead(at)
  at.propose(put("a"))
  await at.disk.release()
  expect(at.disk.tables.entries.get("a")).toBeUndefined()
  for (let i = 0; i < 12 && !at.disk.held; i++) {
    at.driver.tick()
    at.driver.process()
  }
  const { applied, hardState } = at.disk.held!.round
  expect([applied?.index, (hardState?.commit ?? 0) >= applied!.index]).toEqual([at.driver.applied.index, true])
  await at.disk.release()
  expect(at.disk.tables.entries.get("a")).toBeDefined()
  expect(at.disk.load().applied.index).toBe(at.driver.applied.index)
})

test("a leader that is given a whole state does not know what became of what it took", async () => {
  const at = await bench([1, 2, 3])
  await leadThree(at)
  at.propose(put("a"))
  while (at.disk.held) await at.disk.release()
  const confState = conf([1, 2, 3])
  const data = new TextEncoder().encode(membersText(confState, named([1, 2, 3])))
  const snapshot = { index: 9, term: 3, confState, data }
  at.driver.receive(message("MsgSnap", 1, { from: 2, term: 3, snapshot }))
  at.driver.snapshotFetched(await at.backend.stage())
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  expect([at.driver.applied.index, at.told]).toEqual([9, ["put outcome_unknown"]])
})

const entries = (types: Entry["type"][]): Entry[] =>
  types.map((type, i) => {
    const change = memberChange("addNode", 2, nodeId(2))
    const data = type === "EntryNormal" ? new Uint8Array() : confChangeProposal(change, type).data
    return { term: 1, index: 2 + i, type, data }
  })

test("a lone server takes for decided what its disk has, up to a change of the members", async () => {
  const normal = "EntryNormal"
  const change = "EntryConfChangeV2"
  const committed = async (types: Entry["type"][], voters = [1]): Promise<number> =>
    (await bench(voters, { entries: entries(types) })).driver.raft.log.committed
  expect(await committed([normal, normal, normal])).toBe(4)
  expect(await committed([normal, change, normal])).toBe(3)
  expect(await committed([normal, normal, normal], [1, 2, 3])).toBe(1)
})

test("what is applied is decided, whatever the commit index on the disk says", async () => {
  const applied = { index: 3, term: 1 }
  const { driver } = await bench([1, 2, 3], {
    entries: entries(["EntryNormal", "EntryNormal", "EntryNormal"]),
    applied,
  })
  expect(driver.raft.log.committed).toBe(3)
})

test("who goes on alone does so in a later term, with every entry decided", async () => {
  const at = await bench([1, 2, 3], { entries: entries(["EntryNormal", "EntryNormal"]) })
  const before = at.driver.raft.term
  let settled: unknown = "not yet"
  at.driver.recoverAlone((error) => {
    settled = error
  })
  at.driver.process()
  const { hardState, confState, members } = at.disk.held!.round
  expect(hardState).toEqual({ term: before + 1, vote: 0, commit: 3 })
  expect([confState?.voters, [...members!.removed]]).toEqual([[1], [2, 3]])
  while (at.disk.held) await at.disk.release()
  expect([settled, at.driver.isAlone]).toEqual([null, true])
})
