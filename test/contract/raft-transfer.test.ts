/** Handing over the lead: thesis 3.10. */
import { describe, expect, test } from "bun:test"
import { NO_DATA } from "../../src/raft/types.ts"
import { Alone, freshStorage, Network, Server } from "./raft-network.ts"

const NORMAL = { type: "EntryNormal" as const, data: NO_DATA }
const SAFE = { preVote: true, checkQuorum: true }

/** Who leads, as all see it. */
function leads(net: Network): number[] {
  return [...net.servers.values()].map((server) => server.raft.lead)
}

/** A leader that is handing over to 2, which is cut off. */
function handingOver(count = 3): Network {
  const net = Network.of(count, SAFE).campaign(1)
  net.isolate(2)
  net.propose(1, "a")
  net.get(1).node.transferLeader(2)
  net.settle()
  expect(net.raft(1)).toMatchObject({ role: "leader", leadTransferee: 2 })
  return net
}

describe("the lead", () => {
  test.each([1, 2, 3])("goes over at once to who has the whole log, when server %i is asked", (at) => {
    const net = Network.of(3, SAFE).campaign(1)
    net.get(at).node.transferLeader(2)
    net.settle()
    expect(leads(net)).toEqual([2, 2, 2])
    net.propose(2, "a")
    net.get(2).node.transferLeader(1)
    net.settle()
    expect(leads(net)).toEqual([1, 1, 1])
  })

  test("goes over when the other one has caught up", () => {
    const net = handingOver()
    net.heal()
    net.tick(1).settle()
    expect(leads(net)).toEqual([2, 2, 2])
    expect(net.get(2).applied).toContain("a")
  })

  test("goes over when the other one has caught up by a snapshot", () => {
    const net = Network.of(3).campaign(1)
    net.isolate(3)
    net.propose(1, "a", "b")
    net.get(1).compact()
    net.heal()
    net.get(1).node.transferLeader(3)
    net.tick(1).settle()
    expect(leads(net)).toEqual([3, 3, 3])
  })

  test("takes no proposals meanwhile", () => {
    const net = handingOver()
    expect(net.get(1).node.propose([NORMAL])).toBe("transferring")
  })

  test("stays after an election timeout", () => {
    const net = handingOver()
    for (let i = 0; i < 10; i++) net.tick(1).settle()
    expect(net.raft(1)).toMatchObject({ role: "leader", leadTransferee: 0 })
    expect(net.get(1).node.propose([NORMAL])).toBeUndefined()
  })

  test("is asked for again by the same one without starting anew, by another one instead", () => {
    const net = handingOver(5)
    for (let i = 0; i < 9; i++) net.tick(1).settle()
    net.get(1).node.transferLeader(2)
    net.settle()
    expect(net.raft(1).electionElapsed).toBe(9)
    net.get(1).node.transferLeader(3)
    net.settle()
    expect(net.raft(1)).toMatchObject({ role: "follower", lead: 3 })
  })

  test("is kept when it is asked for by oneself", () => {
    const net = handingOver()
    net.get(1).node.transferLeader(1)
    expect(net.raft(1)).toMatchObject({ role: "leader", leadTransferee: 0 })
  })

  test("stays when the other one is removed", () => {
    const net = Network.of(5).campaign(1)
    net.isolate(2)
    net.get(1).node.proposeConfChange({ transition: "auto", changes: [{ type: "removeNode", node: 2 }], context: "" })
    net.get(1).node.transferLeader(2)
    expect(net.raft(1).leadTransferee).toBe(2)
    net.settle()
    expect(net.raft(1)).toMatchObject({ role: "leader", leadTransferee: 0 })
  })

  test("goes to no learner and to no stranger", () => {
    const storage = () => freshStorage([1, 2], [3])
    const net = new Network([1, 2, 3].map((id) => new Server(id, storage()))).campaign(1)
    for (const id of [3, 9]) {
      net.get(1).node.transferLeader(id)
      net.settle()
      expect(net.raft(1)).toMatchObject({ role: "leader", leadTransferee: 0 })
    }
  })
})

test("who is told to stand asks for real votes, with the leader's word", () => {
  const follower = new Alone(1, [1, 2, 3], SAFE)
  follower.hear("MsgHeartbeat", 2, 1)
  const asked = follower.hear("MsgTimeoutNow", 2, 1)
  expect(asked.map((m) => [m.type, m.to, m.term, m.force])).toEqual([
    ["MsgVote", 2, 2, true],
    ["MsgVote", 3, 2, true],
  ])
})

test("who is no voter does not stand when told to", () => {
  const stranger = new Alone(9, [1, 2])
  stranger.hear("MsgTimeoutNow", 1, 1)
  expect(stranger.raft.role).toBe("follower")
})

test("who cannot be reached at all is refused where there is no leader to ask", () => {
  expect(new Alone(1, [1, 2]).node.transferLeader(2)).toBe("noLeader")
})
