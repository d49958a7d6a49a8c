/** What a leader sends to a follower at once, and what it takes in: bounds, and the ways out when all is lost. */
import { describe, expect, test } from "bun:test"
import { describeProgress } from "../../src/raft/describe.ts"
import { NO_DATA } from "../../src/raft/types.ts"
import { Alone, type Server, text } from "./raft-network.ts"

const NORMAL = { type: "EntryNormal" as const, data: NO_DATA }

/** What a leader knows of a follower. */
function about(server: Server, id: number): string {
  return describeProgress(server.raft.tracker.get(id)!)
}

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
