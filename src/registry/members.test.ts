import { beforeEach, describe, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import type { Log, LogFields } from "../base/log.ts"
import type { NodeRecord } from "../model/node.ts"
import { openMemoryStore } from "../store/memory.ts"
import type { Store } from "../store/port.ts"
import { put, read, remove } from "./codec.ts"
import { nodeKey } from "./keys.ts"
import { startMembersKeeper } from "./members.ts"
import { FakeReplication } from "./replication-fake.ts"

/** Time that passes when the test says so. */
class Time {
  #now = 1_000
  readonly #timers = new Set<{ at: number; callback: () => void }>()
  now = () => this.#now
  monotonic = () => this.#now
  after = (ms: number, callback: () => void) => {
    const timer = { at: this.#now + ms, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settled()
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve()
  await Bun.sleep(0)
}

const id = (letter: string) => letter.repeat(64)

let store: Store
let replication: FakeReplication
let clock: Time
let warned: LogFields[]
let finished: string[]

function record(letter: string, changes: Partial<NodeRecord> = {}): NodeRecord {
  const facts = { role: "server", voter: false, state: "member", version: "1", underlayMtu: 1500, bootId: "b" } as const
  const where = { address: "192.168.1.1", peerAddress: "192.168.1.1:8300", joined: "" }
  return { id: id(letter), name: `h-${letter}`, ...where, ...facts, ...changes }
}

async function write(node: NodeRecord): Promise<void> {
  await store.transact({ operations: [put(nodeKey(node.id), node)] })
}

const voters = () => [...replication.members].map(([key, { voter }]) => `${key[0]}${voter ? "" : "?"}`).join(" ")

function start() {
  const log: Log = { debug() {}, info() {}, error() {}, warn: (_message, fields = {}) => void warned.push(fields) }
  const removeNode = async (nodeId: string) => {
    finished.push(nodeId)
    await store.transact({ operations: [remove(nodeKey(nodeId))] })
  }
  return startMembersKeeper({ store, replication, clock, log, removeNode })
}

beforeEach(async () => {
  clock = new Time()
  store = openMemoryStore({ clock: { ...clock, after: () => () => {} } })
  replication = new FakeReplication(id("a"))
  warned = []
  finished = []
  await write(record("a", { voter: true }))
})

describe("a server that has joined", () => {
  test("becomes a learner, and has its vote within two seconds of being caught up, and its record says so", async () => {
    const keeper = start()
    await write(record("b"))
    await clock.pass(1_000)
    expect(voters()).toBe("a b?")
    await clock.pass(60_000)
    expect(voters()).toBe("a b?")
    replication.hear(id("b"), { state: "replicate", lag: 4, lastContactMs: 30 })
    await clock.pass(2_000)
    expect(voters()).toBe("a b")
    expect(read<NodeRecord>(store, nodeKey(id("b")))?.voter).toBe(true)
    expect(replication.asked).toEqual([`add ${id("b")}`, `promote ${id("b")}`])
    keeper.close()
  })

  test("where three vote it must keep up for ten seconds without a break", async () => {
    const keeper = start()
    const keepingUp = { state: "replicate", lag: 4, lastContactMs: 30 } as const
    for (const letter of ["b", "c"]) {
      await write(record(letter))
      await clock.pass(1_000)
      replication.hear(id(letter), keepingUp)
      await clock.pass(1_000)
    }
    await write(record("d"))
    await clock.pass(1_000)
    replication.hear(id("d"), keepingUp)
    await clock.pass(9_000)
    expect(voters()).toBe("a b c d?")
    replication.hear(id("d"), { lastContactMs: 900 })
    await clock.pass(500)
    replication.hear(id("d"), keepingUp)
    await clock.pass(9_000)
    expect(voters()).toBe("a b c d?")
    await clock.pass(1_500)
    expect(voters()).toBe("a b c d")
    keeper.close()
  })

  test("a client is left alone, and nobody but the leader acts", async () => {
    const keeper = start()
    await write(record("c", { role: "client", peerAddress: null }))
    replication.leader = id("z")
    await write(record("b"))
    await clock.pass(5_000)
    expect(replication.asked).toEqual([])
    replication.leader = id("a")
    replication.tell()
    await clock.pass(1)
    expect(voters()).toBe("a b?")
    keeper.close()
    await write(record("d"))
    await clock.pass(60_000)
    expect(voters()).toBe("a b?")
  })
})

describe("a server that is gone", () => {
  beforeEach(() => {
    for (const letter of ["b", "c"])
      replication.members.set(id(letter), {
        voter: true,
        progress: { match: 42, lag: 0, state: "replicate", lastContactMs: 10 },
      })
  })

  test("is taken out, whether its record says `left` or is no more", async () => {
    await write(record("b", { state: "left" }))
    await write(record("c", { voter: true }))
    const keeper = start()
    await clock.pass(1_000)
    expect(voters()).toBe("a c")
    await store.transact({ operations: [remove(nodeKey(id("c")))] })
    await clock.pass(1_000)
    expect(voters()).toBe("a")
    keeper.close()
  })

  test("stays as long as the others could not decide without it", async () => {
    await write(record("c", { voter: true }))
    replication.hear(id("c"), { lastContactMs: 60_000 })
    const keeper = start()
    await clock.pass(60_000)
    expect(replication.asked).toEqual([])
    replication.hear(id("c"), { lastContactMs: 10 })
    await clock.pass(1_000)
    expect(voters()).toBe("a c")
    keeper.close()
  })

  test("whose removal was cut off half-way: the rest of it is done", async () => {
    for (const letter of ["b", "c", "d"]) await write(record(letter, { voter: letter !== "d" }))
    replication.removed.add(id("d"))
    const keeper = start()
    await clock.pass(2_000)
    expect(finished).toEqual([])
    await clock.pass(2_000)
    expect(finished).toEqual([id("d")])
    expect(voters()).toBe("a b c")
    keeper.close()
  })
})

test("what fails is tried again, about once a second, and told once", async () => {
  const keeper = start()
  const add = replication.addLearner.bind(replication)
  let tries = 0
  replication.addLearner = async () => {
    tries++
    throw new OvlError("store_busy", "a change of the servers: busy", { kind: "unavailable" })
  }
  await write(record("b"))
  await clock.pass(60_000)
  expect(tries).toBeGreaterThan(30)
  expect(tries).toBeLessThan(70)
  expect(warned).toEqual([{ step: "add", node: "h-b", why: "a change of the servers: busy" }])
  replication.addLearner = add
  await clock.pass(10_000)
  expect(voters()).toBe("a b?")
  keeper.close()
})
