/** Snapshots: to whom, when, and what they replace (section 7). */
import { describe, expect, test } from "bun:test"
import { raftConfig } from "../../src/raft/config.ts"
import { describeProgress } from "../../src/raft/describe.ts"
import { message } from "../../src/raft/message.ts"
import { RaftNode } from "../../src/raft/node.ts"
import { NO_DATA } from "../../src/raft/types.ts"
import { Alone, confState, entriesOf, freshStorage, Network, PLAIN, type Server } from "./raft-network.ts"

const NORMAL = { type: "EntryNormal" as const, data: NO_DATA }

/** What a leader knows of a follower. */
function about(server: Server, id: number): string {
  return describeProgress(server.raft.tracker.get(id)!)
}

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

  test("from before a server became a member is not sent to it", () => {
    const leader = behind().get(1)
    const [old, now] = [confState([1, 2]), confState([1, 2, 3])]
    const answer = { from: 3, term: 1, index: 4, reject: true }
    for (const members of [old, now]) {
      leader.storage.snapshot = () => ({ index: 4, term: 1, confState: members, data: NO_DATA })
      leader.node.step(message("MsgAppResp", 1, answer))
      leader.node.step(message("MsgHeartbeatResp", 1, { from: 3, term: 1 }))
      expect(leader.work().map((m) => m.type)).toEqual(members === now ? ["MsgSnap"] : [])
    }
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
