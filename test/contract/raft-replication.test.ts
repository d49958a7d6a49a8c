/** How a log gets to a majority and counts as committed: section 5.3, 5.4 and 7, and what keeps it within bounds. */
import { describe, expect, test } from "bun:test"
import { raftConfig } from "../../src/raft/config.ts"
import { describeProgress } from "../../src/raft/describe.ts"
import { APPEND_THREAD, NO_DATA, type Entry } from "../../src/raft/types.ts"
import { message } from "../../src/raft/message.ts"
import { RaftNode } from "../../src/raft/node.ts"
import { Alone, confState, entriesOf, freshStorage, Network, PLAIN, Server, short, text } from "./raft-network.ts"

const NORMAL = { type: "EntryNormal" as const, data: NO_DATA }

/** Servers whose logs have entries of these terms, and who are in `term`. */
function withLogs(term: number, ...logs: number[][]): Network {
  const ids = logs.map((_, i) => i + 1)
  return new Network(
    logs.map((terms, i) => {
      const storage = freshStorage(ids)
      storage.append(entriesOf(...terms))
      storage.setHardState({ term, vote: 0, commit: 0 })
      return new Server(i + 1, storage)
    }),
  )
}

/** What a leader knows of a follower. */
function about(server: Server, id: number): string {
  return describeProgress(server.raft.tracker.get(id)!)
}

describe("an entry", () => {
  test("is committed when a majority has it, and applied everywhere", () => {
    const net = Network.of(3).campaign(1)
    net.propose(1, "a").propose(2, "b")
    for (const id of [1, 2, 3]) expect(net.get(id).applied).toEqual(["", "a", "b"])
  })

  test("is not committed without a majority", () => {
    const net = Network.of(5).campaign(1)
    for (const id of [3, 4, 5]) net.isolate(id)
    net.propose(1, "a")
    expect(net.get(1).text()).toBe("leader term=1 log=1,1 commit=1")
    net.heal()
    net.tick(1).settle()
    expect(net.get(5).text()).toBe("follower term=1 log=1,1 commit=2")
  })

  test("is not committed by learners", () => {
    const storage = () => freshStorage([1, 2], [3, 4])
    const net = new Network([1, 2, 3, 4].map((id) => new Server(id, storage()))).campaign(1)
    net.isolate(2)
    net.propose(1, "a")
    expect(net.raft(1).log.committed).toBe(1)
    expect(net.raft(3).log.lastIndex()).toBe(2)
  })

  test("of an earlier term is not committed by counting (Figure 8)", () => {
    const storage = freshStorage([1, 2, 3, 4, 5])
    storage.append(entriesOf(1, 1, 1))
    storage.setHardState({ term: 1, vote: 0, commit: 1 })
    const leader = new Alone(1, [1, 2, 3, 4, 5], {}, storage).lead()
    for (const id of [2, 3, 4]) leader.hear("MsgAppResp", id, 2, { index: 3 })
    expect(leader.text()).toBe("leader term=2 log=1,1,1,2 commit=1")
    for (const id of [2, 3]) leader.hear("MsgAppResp", id, 2, { index: 4 })
    expect(leader.text()).toBe("leader term=2 log=1,1,1,2 commit=4")
  })

  test("of a leader counts on its own disk only once it is durable there", () => {
    const options = { preVote: false, checkQuorum: false }
    const storage = freshStorage([1])
    const node = new RaftNode(raftConfig({ id: 1, storage, random: () => 0 }, options))
    const durable = () => {
      const ready = node.ready()
      storage.append(ready.entries)
      for (const m of ready.messagesAfterAppend) node.step(m)
      return ready
    }
    node.campaign()
    durable()
    durable()
    node.propose([{ ...NORMAL, data: text("a") }])
    const written = node.ready()
    expect(written.entries).toHaveLength(1)
    expect(node.raft.log.committed).toBe(1)
    for (const m of written.messagesAfterAppend) node.step(m)
    expect(node.raft.log.committed).toBe(2)
  })

  test("is sent before it is durable on the leader, and acknowledged after it is on the follower", () => {
    const make = (id: number) =>
      new RaftNode(
        raftConfig({ id, storage: freshStorage([1, 2]), random: () => 0 }, { ...PLAIN, asyncStorageWrites: true }),
      )
    const follower = make(2)
    follower.step(message("MsgApp", 2, { from: 1, term: 1, entries: entriesOf(1) }))
    const ready = follower.ready()
    expect(ready.messages).toEqual([])
    expect(short(ready.messagesAfterAppend)).toEqual(["MsgAppResp->1 index=1", "MsgStorageAppendResp->2 index=1"])
    const leader = make(1)
    leader.campaign()
    for (const m of leader.ready().messagesAfterAppend) leader.step(m)
    leader.step(message("MsgVoteResp", 1, { from: 2, term: 1 }))
    expect(short(leader.ready().messages)).toEqual(["MsgApp->2 entries=1"])
  })

  test("is handed out to be applied only when it is durable here too", () => {
    const storage = freshStorage([1, 2, 3])
    const node = new RaftNode(raftConfig({ id: 1, storage, random: () => 0 }, { ...PLAIN, asyncStorageWrites: true }))
    node.step(message("MsgApp", 1, { from: 2, term: 1, entries: entriesOf(1), commit: 1 }))
    const first = node.ready()
    expect([first.hardState?.commit, first.committedEntries.length]).toEqual([1, 0])
    storage.append(first.entries)
    for (const m of first.messagesAfterAppend.filter((m) => m.to === 1)) node.step(m)
    expect(node.ready().committedEntries).toHaveLength(1)
  })
})

describe("a follower", () => {
  test("refuses what does not connect, and says where it may", () => {
    const storage = freshStorage([1, 2, 3])
    storage.append(entriesOf(1, 1, 3, 3))
    const follower = new Alone(1, [1, 2, 3], {}, storage)
    expect(follower.hear("MsgApp", 2, 5, { index: 9, logTerm: 5 })).toMatchObject([
      { type: "MsgAppResp", reject: true, index: 9, rejectHint: 4, logTerm: 3 },
    ])
    // Everything of term 3 is skipped: a leader with term 2 there cannot have it.
    expect(follower.hear("MsgApp", 2, 5, { index: 4, logTerm: 2 })).toMatchObject([
      { reject: true, index: 4, rejectHint: 2, logTerm: 1 },
    ])
    expect(follower.hear("MsgApp", 2, 5, { index: 2, logTerm: 1 })).toMatchObject([{ reject: false, index: 2 }])
  })

  test("answers an old message with what is committed", () => {
    const follower = new Alone(1, [1, 2, 3])
    follower.hear("MsgApp", 2, 1, { entries: entriesOf(1, 1, 1), commit: 3 })
    expect(follower.hear("MsgApp", 2, 1, { index: 1, logTerm: 1 })).toMatchObject([{ reject: false, index: 3 }])
  })

  test("gives up entries that the leader does not have", () => {
    const net = withLogs(3, [1, 1, 3], [1, 1, 2, 2, 2], [1])
    net.campaign(1)
    for (const id of [1, 2, 3]) expect(net.get(id).text()).toContain("term=4 log=1,1,3,4 commit=4")
  })

  test("takes no append that no leader can have sent", () => {
    const follower = new Alone(1, [1, 2, 3])
    const gap: Entry[] = [{ ...NORMAL, term: 1, index: 2 }]
    const future: Entry[] = [{ ...NORMAL, term: 9, index: 1 }]
    for (const entries of [gap, future]) {
      const m = message("MsgApp", 1, { from: 2, term: 1, entries })
      expect(follower.node.step(m)).toBe("malformed")
    }
    expect(follower.text()).toBe("follower term=0 log= commit=0")
  })

  test("sends proposals on, unless told not to, or there is nobody to send them to", () => {
    const follower = new Alone(1, [1, 2, 3])
    expect(follower.node.propose([NORMAL])).toBe("noLeader")
    follower.hear("MsgHeartbeat", 2, 1)
    expect(follower.node.propose([NORMAL])).toBeUndefined()
    expect(follower.work()).toMatchObject([{ type: "MsgProp", to: 2, from: 1, term: 0 }])
    const reluctant = new Alone(1, [1, 2, 3], { disableProposalForwarding: true })
    reluctant.hear("MsgHeartbeat", 2, 1)
    expect(reluctant.node.propose([NORMAL])).toBe("notForwarding")
  })
})

describe("finding where logs match takes a round trip for each term", () => {
  test.each([
    [[1, 2, 2, 4, 4, 4, 4], [1, 2, 2, 3, 3, 3, 3, 3, 3], 1],
    [[1, 3, 3, 3, 5, 5, 5, 5], [1, 1, 1, 1, 2, 2], 1],
    [[1, 3, 3, 3, 3, 3, 3, 3, 7], [1, 3, 3, 4, 4, 5, 5, 5, 6], 2],
    [[1, 1, 1, 1, 1], [1], 1],
    [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 0],
  ])("leader %j, follower %j: %i refusals", (leaderLog, followerLog, refusals) => {
    const net = withLogs(8, leaderLog, followerLog, leaderLog)
    net.campaign(1)
    expect(net.log.filter((m) => m.from === 2 && m.type === "MsgAppResp" && m.reject)).toHaveLength(refusals)
    expect(net.get(2).text()).toBe(net.get(1).text().replace("leader", "follower"))
  })
})

describe("what is on its way to a follower", () => {
  const fill = (server: Alone, count: number) => {
    for (let i = 0; i < count; i++) server.node.propose([{ ...NORMAL, data: text("12345678") }])
    return server.work().filter((m) => m.to === 2)
  }
  const replicating = (options: object) => {
    const leader = new Alone(1, [1, 2, 3], options).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    return leader
  }

  test("is bounded in messages", () => {
    const leader = replicating({ maxInflightMessages: 3 })
    expect(fill(leader, 5)).toHaveLength(3)
    expect(about(leader, 2)).toBe("StateReplicate match=1 next=5 paused inflight=3[full]")
    // An answer makes room for as much as it frees, in as many messages as that takes.
    const more = leader.hear("MsgAppResp", 2, 1, { index: 3 }).filter((m) => m.to === 2)
    expect(more.reduce((sum, m) => sum + m.entries.length, 0)).toBe(2)
  })

  test("is bounded in bytes", () => {
    const leader = replicating({ maxInflightBytes: 20, maxBytesPerMessage: 20 })
    expect(fill(leader, 5)).toHaveLength(3)
    expect(about(leader, 2)).toContain("inflight=3[full]")
  })

  test("is probed with an empty append after a heartbeat, if all of it was lost", () => {
    const leader = replicating({ maxInflightMessages: 2 })
    fill(leader, 5)
    const [probe, ...more] = leader.hear("MsgHeartbeatResp", 2, 1)
    expect(more).toEqual([])
    expect(probe).toMatchObject({ type: "MsgApp", index: 3, entries: [] })
    leader.hear("MsgAppResp", 2, 1, { index: 3, reject: true, rejectHint: 1, logTerm: 1 })
    expect(about(leader, 2)).toBe("StateProbe match=1 next=2 paused")
  })

  test("is at most one message while it is not known where the logs match", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    expect(fill(leader, 5)).toEqual([])
    expect(about(leader, 2)).toContain("StateProbe match=0 next=1 paused")
    expect(leader.hear("MsgHeartbeatResp", 2, 1)).toHaveLength(1)
    expect(fill(leader, 1)).toEqual([])
    leader.hear("MsgAppResp", 2, 1, { index: 6 })
    expect(about(leader, 2)).toBe("StateReplicate match=6 next=8 inflight=1")
  })

  test("is in doubt when the follower is reported unreachable", () => {
    const leader = replicating({})
    fill(leader, 2)
    leader.node.reportUnreachable(2)
    expect(about(leader, 2)).toBe("StateProbe match=1 next=2")
    expect(leader.hear("MsgHeartbeatResp", 2, 1)).toMatchObject([{ type: "MsgApp", index: 1 }])
    // The same answer again tells that the way is free.
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    expect(about(leader, 2)).toContain("StateReplicate")
  })

  test("is cut to the size of a message", () => {
    const leader = replicating({ maxBytesPerMessage: 30 })
    leader.node.reportUnreachable(2)
    fill(leader, 4)
    const sent = leader.hear("MsgAppResp", 2, 1, { index: 1 }).filter((m) => m.to === 2)
    expect(sent.map((m) => m.entries.length)).toEqual([2, 2])
  })
})

describe("what is uncommitted", () => {
  test("is bounded, but never so that nothing goes at all", () => {
    const leader = new Alone(1, [1, 2, 3], { maxUncommittedBytes: 20 }).lead()
    const propose = (size: number) => leader.node.propose([{ ...NORMAL, data: new Uint8Array(size) }])
    expect(propose(100)).toBeUndefined()
    expect(propose(1)).toBe("uncommittedFull")
    expect(propose(0)).toBeUndefined()
    leader.work()
    leader.hear("MsgAppResp", 2, 1, { index: leader.raft.log.lastIndex() })
    leader.work()
    expect(leader.raft.uncommittedBytes).toBe(0)
    expect(propose(15)).toBeUndefined()
    expect(propose(5)).toBeUndefined()
    expect(propose(1)).toBe("uncommittedFull")
  })
})

describe("a snapshot", () => {
  /** Server 3 misses so much that the leader has compacted it away. */
  const behind = () => {
    const net = Network.of(3).campaign(1)
    net.isolate(3)
    net.propose(1, "a", "b", "c")
    net.get(1).compact()
    return net
  }

  test("is sent when what is needed is compacted away, and followed by the rest", () => {
    const net = behind()
    net.heal()
    net.propose(1, "d")
    net.tick(1).settle()
    expect(net.log.filter((m) => m.type === "MsgSnap").map((m) => m.snapshot?.index)).toEqual([4])
    expect(net.get(3).text()).toBe("follower term=1 log=1 commit=5")
    expect(about(net.get(1), 3)).toBe("StateReplicate match=5 next=6")
  })

  test("is not sent to who is silent", () => {
    const leader = behind().get(1)
    const progress = leader.raft.tracker.get(3)!
    progress.recentActive = false
    progress.becomeProbe()
    leader.node.propose([NORMAL])
    expect(leader.work().some((m) => m.type === "MsgSnap")).toBe(false)
  })

  test("stops everything else until its fate is known", () => {
    const leader = behind().get(1)
    const reject = { index: leader.raft.tracker.get(3)!.next - 1, reject: true, rejectHint: 0 }
    leader.node.step(message("MsgAppResp", 1, { from: 3, term: 1, ...reject }))
    expect(about(leader, 3)).toBe("StateSnapshot match=1 next=5 paused pendingSnap=4")
    expect(leader.work().map((m) => m.type)).toEqual(["MsgSnap"])
    leader.node.propose([NORMAL])
    expect(leader.work().filter((m) => m.to === 3)).toEqual([])
    leader.node.reportSnapshot(3, true)
    expect(about(leader, 3)).toBe("StateProbe match=1 next=5 paused")
  })

  test("that failed is tried again after a heartbeat", () => {
    const leader = behind().get(1)
    leader.raft.tracker.get(3)!.becomeSnapshot(4)
    leader.node.reportSnapshot(3, false)
    expect(about(leader, 3)).toContain("StateProbe match=1 next=2 paused")
    leader.node.step(message("MsgHeartbeatResp", 1, { from: 3, term: 1 }))
    expect(leader.work().map((m) => m.type)).toEqual(["MsgSnap"])
  })

  test("is needed no more when the follower answers from within the log", () => {
    const leader = behind().get(1)
    leader.raft.tracker.get(3)!.becomeSnapshot(4)
    leader.node.step(message("MsgAppResp", 1, { from: 3, term: 1, index: 3 }))
    expect(about(leader, 3)).toContain("StateSnapshot")
    leader.node.step(message("MsgAppResp", 1, { from: 3, term: 1, index: 4 }))
    expect(about(leader, 3)).toContain("StateReplicate match=4")
  })

  const snapshot = { index: 7, term: 2, confState: confState([1, 2, 3]), data: NO_DATA }

  test("replaces log and configuration", () => {
    const follower = new Alone(1, [1, 2])
    expect(follower.hear("MsgSnap", 2, 3, { snapshot })).toMatchObject([{ type: "MsgAppResp", index: 7 }])
    expect(follower.text()).toBe("follower term=3 log= commit=7")
    expect([...follower.raft.tracker.configuration.voters.incoming]).toEqual([1, 2, 3])
    expect(follower.storage.firstIndex()).toBe(8)
    expect(follower.raft.log.applied).toBe(7)
  })

  test("is ignored when it is old", () => {
    const follower = new Alone(1, [1, 2, 3])
    follower.hear("MsgApp", 2, 1, { entries: entriesOf(1, 1, 1), commit: 3 })
    const old = { ...snapshot, index: 2, term: 1 }
    expect(follower.hear("MsgSnap", 2, 1, { snapshot: old })).toMatchObject([{ type: "MsgAppResp", index: 3 }])
    expect(follower.text()).toBe("follower term=1 log=1,1,1 commit=3")
  })

  test("only commits when all of it is in the log already", () => {
    const follower = new Alone(1, [1, 2, 3])
    follower.hear("MsgApp", 2, 1, { entries: entriesOf(1, 1, 1) })
    follower.hear("MsgSnap", 2, 1, { snapshot: { ...snapshot, index: 2, term: 1 } })
    expect(follower.text()).toBe("follower term=1 log=1,1,1 commit=2")
  })

  test("of a cluster that one does not belong to is not taken", () => {
    const follower = new Alone(9, [9, 2])
    follower.hear("MsgSnap", 2, 3, { snapshot })
    expect(follower.raft.log.committed).toBe(0)
  })

  test("keeps a server from standing for election until it is applied", () => {
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }, PLAIN))
    node.step(message("MsgSnap", 1, { from: 2, term: 3, snapshot }))
    expect(node.raft.promotable()).toBe(false)
    node.ready()
    expect(node.raft.promotable()).toBe(false)
    node.advance()
    expect(node.raft.promotable()).toBe(true)
  })
})

describe("an acknowledgement from the disk", () => {
  test("of an earlier term does not count: what it speaks of may be overwritten (ABA)", () => {
    const options = { ...PLAIN, asyncStorageWrites: true }
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }, options))
    const append = (from: number, term: number, entryTerm: number) =>
      node.step(message("MsgApp", 1, { from, term, entries: entriesOf(entryTerm) }))
    const acknowledged = () => node.ready().messagesAfterAppend.filter((m) => m.from === APPEND_THREAD)
    append(2, 1, 1)
    const first = acknowledged()
    append(3, 2, 2)
    const second = acknowledged()
    append(2, 3, 1)
    const third = acknowledged()
    // The first write is done. Its entry is again the one that is meant, but the second write is still to come.
    for (const m of first) node.step(m)
    for (const m of second) node.step(m)
    expect(node.raft.log.unstable.entries).toHaveLength(1)
    for (const m of third) node.step(m)
    expect(node.raft.log.unstable.entries).toHaveLength(0)
  })

  test("comes again with the next write when one did not count", () => {
    const options = { ...PLAIN, asyncStorageWrites: true }
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }, options))
    node.step(message("MsgApp", 1, { from: 2, term: 1, entries: entriesOf(1) }))
    const first = node.ready().messagesAfterAppend
    node.step(message("MsgHeartbeat", 1, { from: 3, term: 2 }))
    for (const m of first.filter((m) => m.to === 1)) node.step(m)
    expect(node.raft.log.unstable.entries).toHaveLength(1)
    // Nothing new is to be written but the term, and yet the entry is spoken of again.
    const next = node.ready()
    expect(next.entries).toEqual([])
    expect(next.messagesAfterAppend).toMatchObject([{ type: "MsgStorageAppendResp", term: 2, index: 1, logTerm: 1 }])
    for (const m of next.messagesAfterAppend) node.step(m)
    expect(node.raft.log.unstable.entries).toHaveLength(0)
  })
})
