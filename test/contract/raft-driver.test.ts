/** What a driver may rely on: what it is handed, in which order, and what comes back after a restart. */
import { describe, expect, test } from "bun:test"
import { raftConfig } from "../../src/raft/config.ts"
import { MemoryStorage } from "../../src/raft/log/memory-storage.ts"
import { message } from "../../src/raft/message.ts"
import { RaftNode } from "../../src/raft/node.ts"
import { NO_DATA } from "../../src/raft/types.ts"
import { Alone, confState, entriesOf, freshStorage, Network, type Options, PLAIN } from "./raft-network.ts"

function node(storage: MemoryStorage, options: Options = {}): RaftNode {
  return new RaftNode(raftConfig({ id: 1, storage, random: () => 0 }, { ...PLAIN, ...options }))
}

describe("messages from outside", () => {
  test.each([
    "MsgHup",
    "MsgBeat",
    "MsgCheckQuorum",
    "MsgUnreachable",
    "MsgSnapStatus",
    "MsgStorageAppendResp",
  ] as const)("that only this server may tell itself are refused: %s", (type) => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    const before = leader.text()
    expect(leader.node.step(message(type, 1, { from: 2 }))).toBe("localMessage")
    expect(leader.text()).toBe(before)
  })

  test("that answer are refused from strangers", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    for (const type of ["MsgAppResp", "MsgVoteResp", "MsgHeartbeatResp", "MsgPreVoteResp"] as const) {
      expect(leader.node.step(message(type, 1, { from: 9, term: 99 }))).toBe("unknownPeer")
    }
    expect(leader.raft.term).toBe(1)
  })

  test("may come twice, late and in another order", () => {
    const follower = new Alone(1, [1, 2, 3])
    const [a, b, c] = entriesOf(1, 1, 1)
    follower.hear("MsgApp", 2, 1, { index: 1, logTerm: 1, entries: [b!], commit: 2 })
    follower.hear("MsgApp", 2, 1, { entries: [a!], commit: 0 })
    follower.hear("MsgApp", 2, 1, { index: 1, logTerm: 1, entries: [b!, c!], commit: 2 })
    follower.hear("MsgApp", 2, 1, { index: 1, logTerm: 1, entries: [b!], commit: 1 })
    follower.hear("MsgApp", 2, 1, { entries: [a!], commit: 0 })
    expect(follower.text()).toBe("follower term=1 log=1,1,1 commit=2")
  })
})

describe("an election", () => {
  test.each([
    [true, "candidate"],
    [false, "leader"],
  ] as const)("is won only with the own vote on disk: %p", (leadNeedsOwnVote, role) => {
    const server = node(freshStorage([1, 2, 3]), { preVote: false, asyncStorageWrites: true, leadNeedsOwnVote })
    server.campaign()
    const own = server.ready().messagesAfterAppend
    for (const from of [2, 3]) server.step(message("MsgVoteResp", 1, { from, term: 1 }))
    expect(server.raft.role).toBe(role)
    for (const m of own) server.step(m)
    expect(server.raft.role).toBe("leader")
  })
})

describe("ready", () => {
  test("says once what is new, and nothing when nothing is", () => {
    const server = node(freshStorage([1, 2]))
    expect(server.hasReady()).toBe(false)
    server.step(message("MsgApp", 1, { from: 2, term: 3, entries: entriesOf(3), commit: 1 }))
    expect(server.hasReady()).toBe(true)
    expect(server.ready()).toMatchObject({
      softState: { lead: 2, role: "follower" },
      hardState: { term: 3, vote: 0, commit: 1 },
      entries: [{ term: 3, index: 1 }],
      committedEntries: [{ term: 3, index: 1 }],
      snapshot: undefined,
      mustSync: true,
    })
    server.advance()
    expect(server.hasReady()).toBe(false)
  })

  test("need not reach the disk when only the commit index is new", () => {
    const storage = freshStorage([1, 2])
    const server = node(storage)
    server.step(message("MsgApp", 1, { from: 2, term: 3, entries: entriesOf(3) }))
    storage.append(server.ready().entries)
    server.advance()
    server.step(message("MsgHeartbeat", 1, { from: 2, term: 3, commit: 1 }))
    expect(server.ready()).toMatchObject({ hardState: { commit: 1 }, mustSync: false })
  })

  test("comes one at a time unless writes are asynchronous", () => {
    const server = node(freshStorage([1, 2]))
    server.ready()
    expect(() => server.ready()).toThrow("not been advanced")
    server.advance()
    expect(() => server.advance()).toThrow("no ready")
    const pipelined = node(freshStorage([1, 2]), { asyncStorageWrites: true })
    pipelined.ready()
    pipelined.ready()
    expect(() => pipelined.advance()).toThrow("no ready")
  })

  test("hands out no more to apply than the bound allows", () => {
    const storage = freshStorage([1, 2])
    const server = node(storage, { asyncStorageWrites: true, maxApplyingBytes: 8 })
    server.step(message("MsgApp", 1, { from: 2, term: 1, entries: entriesOf(1, 1, 1), commit: 3 }))
    const written = server.ready()
    storage.append(written.entries)
    for (const m of written.messagesAfterAppend.filter((m) => m.to === 1)) server.step(m)
    const first = server.ready()
    expect(first.committedEntries.map((e) => e.index)).toEqual([1, 2])
    expect(server.hasReady()).toBe(false)
    for (const m of first.messagesAfterApply) server.step(m)
    expect(server.ready().committedEntries.map((e) => e.index)).toEqual([3])
  })

  test("tells what is new as a text as well, if that is wanted", () => {
    const said: string[] = []
    const server = node(freshStorage([1]), { log: (level, words) => said.push(`${level} ${words}`) })
    server.campaign()
    server.ready()
    server.advance()
    expect(said).toContain("info 1 is the leader in term 1")
  })
})

describe("after a restart", () => {
  test("a server is where its disk says, and hands out again what was not applied", () => {
    const storage = freshStorage([1, 2, 3])
    storage.append(entriesOf(1, 1, 2))
    storage.setHardState({ term: 3, vote: 2, commit: 2 })
    const server = node(storage, { applied: 1 })
    expect(server.raft).toMatchObject({ term: 3, vote: 2, role: "follower", lead: 0 })
    expect(server.ready()).toMatchObject({ committedEntries: [{ index: 2 }], entries: [], hardState: undefined })
  })

  test("a server goes on from its snapshot", () => {
    const storage = new MemoryStorage()
    storage.applySnapshot({ index: 7, term: 2, confState: confState([1, 2]), data: NO_DATA })
    storage.setHardState({ term: 2, vote: 0, commit: 7 })
    const server = node(storage)
    expect(server.raft.log).toMatchObject({ committed: 7, applied: 7 })
    expect(server.hasReady()).toBe(false)
  })

  test("a disk that contradicts itself is not started on", () => {
    const storage = freshStorage([1, 2, 3])
    storage.setHardState({ term: 3, vote: 2, commit: 2 })
    expect(() => node(storage)).toThrow("outside of the stored log")
  })

  test("a cluster has lost nothing", () => {
    const net = Network.of(3).campaign(1).propose(1, "a", "b")
    for (const server of net.servers.values()) server.restart({ applied: server.raft.log.applied })
    net.campaign(3).propose(3, "c")
    for (const id of [1, 2, 3]) expect(net.get(id).applied.filter((s) => s !== "")).toEqual(["a", "b", "c"])
  })
})

test("a configuration that makes no sense is not started", () => {
  const storage = freshStorage([1])
  const start = (options: object) => () => raftConfig({ id: 1, storage, random: () => 0, ...options }, options)
  expect(start({ id: 0 })).toThrow("positive integer")
  expect(start({ heartbeatTicks: 0 })).toThrow("heartbeats")
  expect(start({ electionTicks: 1, heartbeatTicks: 1 })).toThrow("outlast")
  expect(start({ maxInflightMessages: 0 })).toThrow("at least one message")
  expect(start({ maxInflightBytes: 5, maxBytesPerMessage: 6 })).toThrow("window")
  expect(start({ readOnly: "leaseBased", checkQuorum: false })).toThrow("lease")
})

test("proposals keep what they carry", () => {
  const net = Network.of(3).campaign(2).propose(1, "from afar")
  expect(net.get(3).applied).toEqual(["", "from afar"])
})
