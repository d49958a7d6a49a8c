/** Reads without a log entry: never older than what was acknowledged before they were asked for (thesis 6.4). */
import { describe, expect, test } from "bun:test"
import { Alone, entriesOf, freshStorage, Network, Server } from "./raft-network.ts"

const READ = { index: 2, context: 77 }

describe("a read", () => {
  test.each([1, 2])("asked for at server %i is confirmed by a quorum", (at) => {
    const net = Network.of(3).campaign(1).propose(1, "a")
    expect(net.get(at).node.readIndex(77)).toBeUndefined()
    net.settle()
    expect(net.get(at).reads).toEqual([READ])
    expect(net.get(3 - at).reads).toEqual([])
  })

  test("is not confirmed without one", () => {
    const net = Network.of(3).campaign(1).propose(1, "a")
    net.isolate(1)
    net.get(1).node.readIndex(77)
    net.settle()
    net.tick(1).settle()
    expect(net.get(1).reads).toEqual([])
    net.heal()
    net.tick(1).settle()
    expect(net.get(1).reads).toEqual([READ])
  })

  test("is not confirmed by a leader that is one no more", () => {
    const net = Network.of(3).campaign(1).propose(1, "a")
    net.isolate(1)
    net.campaign(2).propose(2, "b")
    net.get(1).node.readIndex(77)
    net.settle()
    net.heal()
    net.tick(1).settle()
    net.tick(2).settle()
    expect(net.get(1).reads).toEqual([])
    expect(net.raft(1)).toMatchObject({ role: "follower", lead: 2 })
  })

  test("is confirmed by no heartbeat that was sent before it", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    leader.node.readIndex(1)
    const first = leader.work().find((m) => m.type === "MsgHeartbeat")!
    leader.node.readIndex(2)
    const second = leader.work().find((m) => m.type === "MsgHeartbeat")!
    leader.hear("MsgHeartbeatResp", 2, 1, { context: first.context })
    expect(leader.reads.map((r) => r.context)).toEqual([1])
    leader.hear("MsgHeartbeatResp", 2, 1, { context: 0 })
    expect(leader.reads.map((r) => r.context)).toEqual([1])
    leader.hear("MsgHeartbeatResp", 3, 1, { context: second.context })
    expect(leader.reads.map((r) => r.context)).toEqual([1, 2])
  })

  test("shares its round with all that came before", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    for (const context of [5, 6, 7]) leader.node.readIndex(context)
    const last = leader.work().findLast((m) => m.type === "MsgHeartbeat")!
    leader.hear("MsgHeartbeatResp", 3, 1, { context: last.context })
    expect(leader.reads.map((r) => r.context)).toEqual([5, 6, 7])
    // And heartbeats have nothing to confirm any more.
    leader.node.tick()
    expect(leader.work().map((m) => m.context)).toEqual([0, 0])
  })

  test("is not confirmed by learners", () => {
    const leader = new Alone(1, [1, 2], {}, freshStorage([1, 2], [3, 4])).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    leader.node.readIndex(77)
    const { context } = leader.work().find((m) => m.type === "MsgHeartbeat")!
    for (const id of [3, 4]) leader.hear("MsgHeartbeatResp", id, 1, { context })
    expect(leader.reads).toEqual([])
    leader.hear("MsgHeartbeatResp", 2, 1, { context })
    expect(leader.reads).toEqual([{ index: 1, context: 77 }])
  })

  test("waits for the first commit of a new leader, and then gets all that was committed before", () => {
    const storage = freshStorage([1, 2, 3])
    storage.append(entriesOf(1, 1, 1))
    // Its commit index is behind: it does not know that entry 3 was acknowledged.
    storage.setHardState({ term: 1, vote: 0, commit: 1 })
    const leader = new Alone(1, [1, 2, 3], {}, storage).lead()
    leader.node.readIndex(77)
    expect(leader.work()).toEqual([])
    const sent = leader.hear("MsgAppResp", 2, 2, { index: 4 })
    const { context } = sent.find((m) => m.type === "MsgHeartbeat")!
    leader.hear("MsgHeartbeatResp", 2, 2, { context })
    expect(leader.reads).toEqual([{ index: 4, context: 77 }])
  })

  test("waits for it with a single voter too", () => {
    const storage = freshStorage([1])
    storage.append(entriesOf(1, 1, 1))
    storage.setHardState({ term: 1, vote: 1, commit: 1 })
    const server = new Server(1, storage)
    server.node.campaign()
    while (server.raft.role !== "leader") {
      storage.append(server.node.ready().entries)
      server.node.advance()
    }
    server.node.readIndex(77)
    expect(server.raft.readStates).toEqual([])
    server.work()
    expect(server.reads).toEqual([{ index: 4, context: 77 }])
  })

  test("is lost with the leadership", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    leader.node.readIndex(1)
    expect(leader.raft.pendingReads).toHaveLength(1)
    leader.hear("MsgHeartbeat", 2, 5)
    expect(leader.raft.pendingReads).toEqual([])
    leader.lead()
    leader.hear("MsgAppResp", 2, 6, { index: 2 })
    leader.node.readIndex(2)
    expect(leader.raft.readOnly.count).toBe(1)
    leader.hear("MsgHeartbeat", 2, 7)
    expect(leader.raft.readOnly.count).toBe(0)
  })

  test("is refused beyond the bound, and where there is no leader", () => {
    const leader = new Alone(1, [1, 2, 3], { maxReads: 2 }).lead()
    leader.node.readIndex(1)
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    leader.node.readIndex(2)
    expect(leader.node.readIndex(3)).toBe("readsFull")
    expect(new Alone(1, [1, 2, 3]).node.readIndex(1)).toBe("noLeader")
  })

  test("goes on when the quorum that it waits for shrinks", () => {
    const net = Network.of(2).campaign(1)
    net.get(1).node.proposeConfChange({ transition: "auto", changes: [{ type: "removeNode", node: 2 }], context: "" })
    net.lost.add("MsgHeartbeat")
    net.get(1).node.readIndex(77)
    net.settle()
    expect(net.get(1).reads).toEqual([{ index: 1, context: 77 }])
  })
})

test("a lease answers at once, but not before the first commit", () => {
  const options = { readOnly: "leaseBased", checkQuorum: true } as const
  const net = Network.of(3, options).campaign(1).propose(1, "a")
  net.isolate(1)
  net.get(1).node.readIndex(77)
  net.settle()
  expect(net.get(1).reads).toEqual([READ])
  const leader = new Alone(1, [1, 2, 3], options).lead()
  leader.node.readIndex(77)
  leader.work()
  expect(leader.reads).toEqual([])
})
