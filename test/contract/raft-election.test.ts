/** Who becomes leader, who must not, and who steps down: section 5.2 and 5.4.1 of the paper, thesis 4.2.3, 6.2, 9.6. */
import { describe, expect, test } from "bun:test"
import { raftConfig } from "../../src/raft/config.ts"
import { message } from "../../src/raft/message.ts"
import { RaftNode } from "../../src/raft/node.ts"
import { NO_DATA } from "../../src/raft/types.ts"
import { Alone, entriesOf, freshStorage, Network, PLAIN, Server, short } from "./raft-network.ts"

describe.each([false, true])("with pre-vote %j", (preVote) => {
  test.each([
    [3, [], "leader"],
    [3, [3], "leader"],
    [3, [2, 3], preVote ? "preCandidate" : "candidate"],
    [4, [3, 4], preVote ? "preCandidate" : "candidate"],
    [5, [4, 5], "leader"],
    [1, [], "leader"],
  ])("of %i servers, %j away, the first becomes %s", (count, away, role) => {
    const net = Network.of(count, { preVote })
    for (const id of away) net.isolate(id)
    net.campaign(1)
    expect(net.raft(1).role).toBe(role as never)
    // A pre-candidate that cannot win has not entered a term.
    expect(net.raft(1).term).toBe(role === "preCandidate" ? 0 : 1)
  })

  test("everybody can lead in turn", () => {
    const net = Network.of(3, { preVote })
    for (const id of [1, 2, 3]) {
      net.campaign(id)
      expect([...net.servers.values()].map((s) => s.raft.role === "leader")).toEqual([1, 2, 3].map((i) => i === id))
    }
    expect(net.text()).toBe(
      ["1: follower", "2: follower", "3: leader"].map((s) => `${s} term=3 log=1,2,3 commit=3`).join("\n"),
    )
  })

  test("who has less in its log does not win", () => {
    const withLog = (id: number, ...terms: number[]) => {
      const storage = freshStorage([1, 2, 3])
      storage.append(entriesOf(...terms))
      storage.setHardState({ term: terms.at(-1)!, vote: 0, commit: 0 })
      return new Server(id, storage, { preVote })
    }
    const net = new Network([withLog(1, 1, 1), withLog(2, 2), withLog(3, 2)])
    net.campaign(1)
    expect(net.raft(1).role).toBe("follower")
    net.campaign(2)
    // Its log is now everybody's.
    for (const id of [1, 2, 3]) expect(net.get(id).text()).toContain("log=2,")
  })
})

describe("a vote", () => {
  test.each([
    // [the voter's vote, last entry of the candidate, granted]
    [0, 2, 2, true],
    [2, 2, 2, true],
    [3, 2, 2, false],
    [0, 2, 3, true],
    [0, 3, 1, true],
    [0, 2, 1, false],
    [0, 1, 9, false],
  ])("of one who voted for %i, asked with (%i, %i): %j", (vote, logTerm, index, granted) => {
    const storage = freshStorage([1, 2, 3])
    storage.append(entriesOf(2, 2))
    storage.setHardState({ term: 3, vote, commit: 0 })
    const voter = new Alone(1, [1, 2, 3], {}, storage)
    const [answer] = voter.hear("MsgVote", 2, 3, { index, logTerm })
    expect(answer).toMatchObject({ type: "MsgVoteResp", to: 2, term: 3, reject: !granted })
    expect(voter.storage.initialState().hardState?.vote).toBe(granted ? 2 : vote)
  })

  test("is given once in a term, also over a restart", () => {
    const voter = new Alone(1, [1, 2, 3])
    expect(voter.hear("MsgVote", 2, 5)[0]!.reject).toBe(false)
    voter.restart()
    expect(voter.hear("MsgVote", 3, 5)[0]!.reject).toBe(true)
    expect(voter.hear("MsgVote", 2, 5)[0]!.reject).toBe(false)
    expect(voter.hear("MsgVote", 3, 6)[0]!.reject).toBe(false)
  })

  test("is not given when there is a leader in the term", () => {
    const voter = new Alone(1, [1, 2, 3])
    voter.hear("MsgHeartbeat", 2, 4)
    expect(voter.hear("MsgVote", 3, 4)[0]!.reject).toBe(true)
  })

  test("leaves a server only after it is durable", () => {
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }))
    node.step(message("MsgVote", 1, { from: 2, term: 1 }))
    const ready = node.ready()
    expect(ready.messages).toEqual([])
    expect(ready).toMatchObject({ hardState: { term: 1, vote: 2 }, mustSync: true })
    expect(short(ready.messagesAfterAppend)).toEqual(["MsgVoteResp->2"])
  })

  test("for oneself counts only after it is durable", () => {
    const options = { preVote: false, checkQuorum: false }
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }, options))
    node.campaign()
    const ready = node.ready()
    expect(short(ready.messages)).toEqual(["MsgVote->2", "MsgVote->3"])
    expect(short(ready.messagesAfterAppend)).toEqual(["MsgVoteResp->1"])
    node.step(message("MsgVoteResp", 1, { from: 2, term: 1 }))
    expect(node.raft.role).toBe("candidate")
    node.step(ready.messagesAfterAppend[0]!)
    expect(node.raft.role).toBe("leader")
  })

  test("for oneself of an election that is over does not count", () => {
    const options = { preVote: false, checkQuorum: false }
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }, options))
    node.campaign()
    const old = node.ready().messagesAfterAppend[0]!
    node.step(message("MsgHeartbeat", 1, { from: 2, term: 1 }))
    node.step(old)
    expect(node.raft).toMatchObject({ role: "follower", lead: 2 })
  })

  test("before the election is not one in the election", () => {
    const node = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2, 3]), random: () => 0 }))
    node.campaign()
    const own = node.ready().messagesAfterAppend[0]!
    node.step(message("MsgPreVoteResp", 1, { from: 2, term: 1 }))
    node.step(message("MsgPreVoteResp", 1, { from: 3, term: 1 }))
    expect(node.raft.role).toBe("candidate")
    node.step(own)
    node.step(message("MsgVoteResp", 1, { from: 2, term: 1 }))
    expect(node.raft.role).toBe("candidate")
  })

  test("is cast by a learner that is asked, and nobody is counted who is none", () => {
    const learner = new Alone(2, [1], {}, freshStorage([1], [2]))
    expect(learner.hear("MsgVote", 1, 2)[0]).toMatchObject({ type: "MsgVoteResp", reject: false })
    const leader = new Alone(1, [1, 2, 3], {}, freshStorage([1, 2, 3], [4]))
    leader.node.campaign()
    leader.work()
    leader.hear("MsgVoteResp", 4, 1)
    expect(leader.raft.role).toBe("candidate")
  })
})

describe("a candidate", () => {
  test.each(["MsgApp", "MsgHeartbeat", "MsgSnap"] as const)("follows who won in its term: %s", (type) => {
    const candidate = new Alone(1, [1, 2, 3])
    candidate.node.campaign()
    candidate.work()
    candidate.hear(type, 2, 1)
    expect(candidate.raft).toMatchObject({ role: "follower", term: 1, lead: 2 })
  })

  test("gives up when it can no longer win, and counts no vote twice", () => {
    const candidate = new Alone(1, [1, 2, 3, 4, 5])
    candidate.node.campaign()
    candidate.work()
    candidate.hear("MsgVoteResp", 2, 1)
    candidate.hear("MsgVoteResp", 2, 1)
    candidate.hear("MsgVoteResp", 3, 1, { reject: true })
    candidate.hear("MsgVoteResp", 3, 1)
    expect(candidate.raft.role).toBe("candidate")
    candidate.hear("MsgVoteResp", 4, 1, { reject: true })
    candidate.hear("MsgVoteResp", 5, 1, { reject: true })
    expect(candidate.raft).toMatchObject({ role: "follower", term: 1 })
  })

  test("must be a voter, with no snapshot to apply and no change of the configuration", () => {
    const learner = new Alone(2, [1], {}, freshStorage([1], [2]))
    learner.node.campaign()
    expect(learner.raft.role).toBe("follower")
    const outsider = new Alone(9, [1, 2])
    for (let i = 0; i < 50; i++) outsider.node.tick()
    expect(outsider.raft.role).toBe("follower")
    const changing = new RaftNode(raftConfig({ id: 1, storage: freshStorage([1, 2]), random: () => 0 }, PLAIN))
    const entries = [{ term: 1, index: 1, type: "EntryConfChangeV2" as const, data: NO_DATA }]
    changing.step(message("MsgApp", 1, { from: 2, term: 1, entries, commit: 1 }))
    changing.campaign()
    expect(changing.raft.role).toBe("follower")
  })

  test("waits between one and two election timeouts, at random", () => {
    const seen = new Set<number>()
    for (let draw = 0; draw < 10; draw++) {
      const config = raftConfig({ id: 1, storage: freshStorage([1, 2]), random: () => draw }, PLAIN)
      const node = new RaftNode(config)
      let ticks = 0
      while (node.raft.role === "follower") {
        node.tick()
        ticks++
      }
      seen.add(ticks)
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  })
})

describe("terms", () => {
  test.each(["follower", "candidate", "leader"] as const)("a %s enters a later one and follows", (role) => {
    const server = new Alone(1, [1, 2, 3])
    if (role === "candidate") server.node.campaign()
    if (role === "leader") server.lead()
    server.work()
    expect(server.raft.role).toBe(role)
    server.hear("MsgApp", 2, 7)
    expect(server.raft).toMatchObject({ role: "follower", term: 7, lead: 2, vote: 0 })
  })

  test("messages of an earlier one are ignored", () => {
    const follower = new Alone(1, [1, 2, 3])
    follower.hear("MsgHeartbeat", 2, 4)
    expect(follower.hear("MsgApp", 3, 3, { entries: entriesOf(3), commit: 1 })).toEqual([])
    expect(follower.text()).toBe("follower term=4 log= commit=0")
    expect(follower.raft.lead).toBe(2)
  })

  test.each(["MsgApp", "MsgHeartbeat"] as const)(
    "with check-quorum or pre-vote, a leader of an earlier one is told by an answer to %s",
    (type) => {
      for (const options of [{ checkQuorum: true }, { preVote: true }]) {
        const ahead = new Alone(1, [1, 2, 3], options)
        ahead.hear("MsgHeartbeat", 2, 4)
        expect(ahead.hear(type, 3, 3)).toMatchObject([{ type: "MsgAppResp", to: 3, term: 4, reject: false }])
      }
    },
  )

  test("a pre-vote of an earlier one is refused with one's own", () => {
    const ahead = new Alone(1, [1, 2, 3])
    ahead.hear("MsgHeartbeat", 2, 4)
    expect(ahead.hear("MsgPreVote", 3, 3)).toMatchObject([{ type: "MsgPreVoteResp", term: 4, reject: true }])
  })
})

describe("a leader", () => {
  test("sends a heartbeat to everybody, with the commit index as far as each log is known to match", () => {
    const net = Network.of(3).campaign(1)
    net.isolate(3)
    net.propose(1, "a", "b")
    net.tick(1)
    expect(short(net.get(1).work())).toEqual(["MsgHeartbeat->2 commit=3", "MsgHeartbeat->3 commit=1"])
  })

  test("ignores that it should stand for election", () => {
    const net = Network.of(3).campaign(1).campaign(1)
    expect(net.raft(1)).toMatchObject({ role: "leader", term: 1 })
  })
})
