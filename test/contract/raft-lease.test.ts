/** Pre-vote and the lease of a leader: nobody is disturbed without cause, nobody is stuck (thesis 4.2.3, 6.2, 9.6). */
import { describe, expect, test } from "bun:test"
import { Alone, Network } from "./raft-network.ts"

const SAFE = { preVote: true, checkQuorum: true }

describe("pre-vote", () => {
  test("changes neither term nor vote, and is no contact with a leader", () => {
    const voter = new Alone(1, [1, 2, 3], { preVote: true })
    for (let i = 0; i < 5; i++) voter.node.tick()
    const [answer] = voter.hear("MsgPreVote", 2, 1)
    expect(answer).toMatchObject({ type: "MsgPreVoteResp", term: 1, reject: false })
    expect(voter.raft).toMatchObject({ term: 0, vote: 0, electionElapsed: 5 })
    // So somebody else may be told the same.
    expect(voter.hear("MsgPreVote", 3, 1)[0]!.reject).toBe(false)
  })

  test("lets a server that was cut off come back without disturbing anybody", () => {
    const net = Network.of(3, SAFE).campaign(1)
    net.isolate(3)
    for (let i = 0; i < 50; i++) net.tick(3).settle()
    expect(net.raft(3)).toMatchObject({ role: "preCandidate", term: 1 })
    net.heal()
    net.tick(1).settle()
    expect(net.text()).toBe(
      ["1: leader", "2: follower", "3: follower"].map((s) => `${s} term=1 log=1 commit=1`).join("\n"),
    )
  })

  test("does not deadlock with a server of a later term and a shorter log", () => {
    // Before the upgrade to pre-vote server 3 has driven its term up, and misses an entry.
    const net = Network.of(3, { preVote: true }).campaign(1)
    net.isolate(3)
    net.propose(1, "x")
    net.raft(3).becomeFollower(5, 0)
    net.heal()
    net.cut(1, 2)
    net.cut(1, 3)
    net.campaign(2)
    net.campaign(2)
    net.campaign(2)
    expect(net.get(2).text()).toBe("leader term=6 log=1,1,6 commit=3")
    expect(net.get(3).text()).toBe("follower term=6 log=1,1,6 commit=3")
  })
})

describe("the lease", () => {
  const heard = (force: boolean, ticks: number) => {
    const follower = new Alone(1, [1, 2, 3], { checkQuorum: true })
    follower.hear("MsgHeartbeat", 2, 1)
    // Only heartbeats keep it: its own timeout is longer than the lease.
    follower.raft.randomizedElectionTimeout = 20
    for (let i = 0; i < ticks; i++) follower.node.tick()
    const answers = follower.hear("MsgVote", 3, 9, { index: 5, logTerm: 1, force })
    return [answers.length, follower.raft.term]
  }

  test("of a leader just heard of lets nobody take its place", () => expect(heard(false, 9)).toEqual([0, 1]))
  test("is over after an election timeout", () => expect(heard(false, 10)).toEqual([1, 9]))
  test("does not stand against whom the leader chose", () => expect(heard(true, 0)).toEqual([1, 9]))

  test("is over when the leader is known to be gone", () => {
    const net = Network.of(3, SAFE).campaign(1)
    net.isolate(1)
    net.campaign(2)
    expect(net.raft(2).role).toBe("preCandidate")
    net.get(3).node.forgetLeader()
    net.campaign(2)
    expect(net.raft(2).role).toBe("leader")
  })

  test("does not keep a leader from whom nobody hears", () => {
    const net = Network.of(3, SAFE).campaign(1)
    net.isolate(1)
    net.tick(1, 9).settle()
    expect(net.raft(1).role).toBe("leader")
    // The first look finds those active that voted, the second does not.
    net.tick(1, 11).settle()
    expect(net.raft(1)).toMatchObject({ role: "follower", term: 1, lead: 0 })
  })

  test("leaves a leader alone that hears from a quorum", () => {
    const net = Network.of(3, SAFE).campaign(1)
    net.isolate(3)
    for (let i = 0; i < 100; i++) net.tick(1).settle()
    expect(net.raft(1).role).toBe("leader")
  })

  test("does not keep a server for ever that came to a later term alone", () => {
    const net = Network.of(3, { checkQuorum: true }).campaign(1)
    net.isolate(3)
    net.campaign(3).campaign(3)
    expect(net.raft(3).term).toBe(3)
    net.heal()
    // It does not win, but its answer to a heartbeat ends the leadership that it cannot follow.
    net.tick(1).settle()
    expect(net.raft(1)).toMatchObject({ role: "follower", term: 3 })
    net.raft(2).electionElapsed = 10
    net.campaign(1)
    expect(net.raft(1)).toMatchObject({ role: "leader", term: 4 })
    expect(net.raft(3)).toMatchObject({ lead: 1, term: 4 })
  })
})
