/** How a log gets to a majority and counts as committed: section 5.3, 5.4 and 7, and what keeps it within bounds. */
import { describe, expect, test } from "bun:test"
import { raftConfig } from "../../src/raft/config.ts"
import { APPEND_THREAD, NO_DATA, type Entry } from "../../src/raft/types.ts"
import { message } from "../../src/raft/message.ts"
import { RaftNode } from "../../src/raft/node.ts"
import { Alone, entriesOf, freshStorage, Network, PLAIN, Server, short, text } from "./raft-network.ts"

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
