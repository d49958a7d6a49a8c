/** Changes of the configuration: one at a time, from when they are applied, with all the guards of REPLICATION 3.6. */
import { describe, expect, test } from "bun:test"
import { type ConfChange, confChangeProposal, LEAVE_JOINT } from "../../src/raft/confchange/change.ts"
import { describeConfiguration } from "../../src/raft/describe.ts"
import { message } from "../../src/raft/message.ts"
import { confStateOf } from "../../src/raft/tracker/tracker.ts"
import { type Entry, NO_DATA } from "../../src/raft/types.ts"
import { Alone, confState, entriesOf, freshStorage, Network, Server, text } from "./raft-network.ts"

const TYPES = { v: "addNode", l: "addLearnerNode", r: "removeNode" } as const

function change(words: string, transition: ConfChange["transition"] = "auto"): ConfChange {
  const changes = words.split(" ").map((word) => ({ type: TYPES[word[0] as "v"], node: Number(word.slice(1)) }))
  return { transition, changes, context: "" }
}

function configuration(server: Server): string {
  return describeConfiguration(server.raft.tracker.configuration)
}

/** Types of the entries of a log. */
function types(server: Server): string {
  const { log } = server.raft
  return log
    .slice(log.firstIndex(), log.lastIndex() + 1, Infinity)!
    .map((entry) => entry.type.replace("Entry", ""))
    .join()
}

/** A server that knows nothing yet. The first members stand in no entry of the log, so it needs a snapshot. */
function addStranger(net: Network, id: number): void {
  if (net.get(1).storage.firstIndex() === 1) net.get(1).compact()
  net.servers.set(id, new Server(id, freshStorage([])))
}

describe("a change", () => {
  test("is in force everywhere once it is applied, and brings a newcomer what it needs", () => {
    const net = Network.of(2).campaign(1)
    addStranger(net, 3)
    net.get(1).node.proposeConfChange(change("v3"))
    expect(configuration(net.get(1))).toBe("voters=(1 2)")
    net.settle()
    net.tick(1).settle()
    for (const id of [1, 2, 3]) expect(configuration(net.get(id))).toBe("voters=(1 2 3)")
    net.isolate(2)
    net.propose(1, "a")
    expect(net.get(3).applied).toContain("a")
  })

  test("makes a learner, and of it a voter that keeps its place", () => {
    const net = Network.of(1).campaign(1)
    addStranger(net, 2)
    net.get(1).node.proposeConfChange(change("l2"))
    net.settle()
    expect(configuration(net.get(2))).toBe("voters=(1) learners=(2)")
    expect(net.raft(2).isLearner).toBe(true)
    net.get(1).node.proposeConfChange(change("v2"))
    net.settle()
    expect(configuration(net.get(2))).toBe("voters=(1 2)")
    expect(net.raft(2)).toMatchObject({ isLearner: false })
    net.campaign(2)
    expect(net.raft(2).role).toBe("leader")
  })

  test("that is pending keeps out the next one, which goes in as an empty entry", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    expect(leader.node.proposeConfChange(change("v4"))).toBeUndefined()
    expect(leader.node.proposeConfChange(change("v5"))).toBeUndefined()
    expect(types(leader)).toBe("Normal,ConfChangeV2,Normal")
    leader.hear("MsgAppResp", 2, 1, { index: 3 })
    expect(configuration(leader)).toBe("voters=(1 2 3 4)")
    leader.node.proposeConfChange(change("v5"))
    expect(types(leader)).toBe("Normal,ConfChangeV2,Normal,ConfChangeV2")
  })

  test("is taken one at a time also within one proposal", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    leader.node.propose([confChangeProposal(change("v4")), confChangeProposal(change("v5"))])
    expect(types(leader)).toBe("Normal,ConfChangeV2,Normal")
  })

  test("waits until all entries of former leaders are applied", () => {
    const storage = freshStorage([1, 2, 3])
    storage.append(entriesOf(1, 1))
    storage.setHardState({ term: 1, vote: 0, commit: 1 })
    const leader = new Alone(1, [1, 2, 3], { confChangeNeedsOwnCommit: false }, storage).lead()
    expect(leader.node.whyNotConfChange(change("v4"))).toContain("may be pending at 2")
    leader.hear("MsgAppResp", 2, 2, { index: 3 })
    expect(leader.node.whyNotConfChange(change("v4"))).toBeUndefined()
  })

  test("waits until the leader has committed an entry of its own term (Ongaro 2015)", () => {
    for (const confChangeNeedsOwnCommit of [true, false]) {
      const leader = new Alone(1, [1, 2, 3], { confChangeNeedsOwnCommit }).lead()
      const why = leader.node.whyNotConfChange(change("v4"))
      if (confChangeNeedsOwnCommit) expect(why).toContain("no entry of this leader's term")
      else expect(why).toBeUndefined()
      leader.hear("MsgAppResp", 2, 1, { index: 1 })
      expect(leader.node.whyNotConfChange(change("v4"))).toBeUndefined()
    }
  })

  test.each([
    ["r1 r2 r3", "auto", "removed all voters"],
    ["v4 v5", "auto", undefined],
  ] as const)("to %s (%s) is tried beforehand: %s", (words, transition, why) => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    expect(leader.node.whyNotConfChange(change(words, transition))).toBe(why)
    leader.node.proposeConfChange(change(words, transition))
    expect(types(leader)).toBe(why === undefined ? "Normal,ConfChangeV2" : "Normal,Normal")
  })

  test("that cannot be read is refused with all that is proposed with it", () => {
    const leader = new Alone(1, [1, 2, 3]).lead()
    const bad = { type: "EntryConfChangeV2" as const, data: text("nonsense") }
    expect(leader.node.propose([{ type: "EntryNormal", data: NO_DATA }, bad])).toBe("malformed")
    expect(leader.raft.log.lastIndex()).toBe(1)
  })

  test("refused for its size leaves the door open for the next one", () => {
    const leader = new Alone(1, [1, 2, 3], { maxUncommittedBytes: 10 }).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    leader.node.propose([{ type: "EntryNormal", data: text("0123456789") }])
    expect(leader.node.proposeConfChange(change("v4"))).toBe("uncommittedFull")
    expect(leader.node.whyNotConfChange(change("v4"))).toBeUndefined()
  })

  test("that removes a voter may commit what waited for it", () => {
    const leader = new Alone(1, [1, 2]).lead()
    leader.hear("MsgAppResp", 2, 1, { index: 1 })
    leader.node.proposeConfChange(change("r2"))
    leader.node.propose([{ type: "EntryNormal", data: text("a") }])
    leader.work()
    expect(leader.raft.log.committed).toBe(1)
    // The removal itself needs both.
    leader.hear("MsgAppResp", 2, 1, { index: 2 })
    expect(leader.raft.log.committed).toBe(3)
    expect(configuration(leader)).toBe("voters=(1)")
  })

  test("of who votes does not let a removed server count", () => {
    const net = Network.of(3).campaign(1)
    net.get(1).node.proposeConfChange(change("r3"))
    net.settle()
    net.isolate(2)
    net.propose(1, "a")
    expect(net.get(1).applied).not.toContain("a")
    expect(net.get(1).node.step(message("MsgAppResp", 1, { from: 3, term: 1, index: 9 }))).toBe("unknownPeer")
  })
})

const REMOVABLE = { confChangeKeepsLeader: false }

describe("a leader that is removed", () => {
  test("is not, unless that is wanted: it must hand over first", () => {
    const net = Network.of(3).campaign(1)
    const why = (words: string) => net.get(1).node.whyNotConfChange(change(words))
    for (const words of ["r1", "l1", "r1 v4"]) expect(why(words)).toContain("hand over first")
    expect(why("r2")).toBeUndefined()
  })

  test("steps down when the change is applied", () => {
    const net = Network.of(3, REMOVABLE).campaign(1)
    net.get(1).node.proposeConfChange(change("r1"))
    net.settle()
    expect(net.raft(1)).toMatchObject({ role: "follower", lead: 0 })
    expect(net.raft(1).promotable()).toBe(false)
  })

  test("and told to stay, takes no proposals and does not count itself", () => {
    const net = Network.of(3, { ...REMOVABLE, stepDownOnRemoval: false }).campaign(1)
    net.get(1).node.proposeConfChange(change("r1"))
    net.settle()
    expect(net.raft(1).role).toBe("leader")
    expect(net.get(1).node.propose([{ type: "EntryNormal", data: NO_DATA }])).toBe("notMember")
  })

  test("or made a learner steps down too", () => {
    const net = Network.of(3, REMOVABLE).campaign(1)
    net.get(1).node.proposeConfChange(change("l1"))
    net.settle()
    expect(net.raft(1)).toMatchObject({ role: "follower", isLearner: true })
  })
})

describe("a joint configuration", () => {
  test("is left by itself when it is applied", () => {
    const net = Network.of(3).campaign(1)
    for (const id of [4, 5]) addStranger(net, id)
    net.get(1).node.proposeConfChange(change("v4 v5 r3"))
    net.settle()
    net.tick(1).settle()
    expect(configuration(net.get(1))).toBe("voters=(1 2 4 5)")
    expect(configuration(net.get(5))).toBe("voters=(1 2 4 5)")
  })

  test("needs both halves", () => {
    const net = Network.of(3).campaign(1)
    net.get(1).node.proposeConfChange(change("v4 v5 r2 r3", "jointExplicit"))
    net.settle()
    expect(configuration(net.get(1))).toBe("voters=(1 4 5)&&(1 2 3)")
    net.propose(1, "a")
    // 1, 2 and 3 have it; of the new half only 1.
    expect(net.get(1).applied).not.toContain("a")
    addStranger(net, 4)
    net.tick(1).settle()
    expect(net.get(1).applied).toContain("a")
  })

  test("is left explicitly when that was asked for, and only then can be", () => {
    const net = Network.of(3).campaign(1)
    expect(net.get(1).node.whyNotConfChange(LEAVE_JOINT)).toContain("no joint configuration")
    net.get(1).node.proposeConfChange(change("l3", "jointExplicit"))
    net.settle()
    expect(configuration(net.get(1))).toBe("voters=(1 2)&&(1 2 3) learners_next=(3)")
    expect(net.get(1).node.whyNotConfChange(change("v4"))).toContain("must be left first")
    net.get(1).node.proposeConfChange(LEAVE_JOINT)
    net.settle()
    for (const id of [1, 2, 3]) expect(configuration(net.get(id))).toBe("voters=(1 2) learners=(3)")
  })

  test("is left by the next leader when the first did not get to it", () => {
    const net = Network.of(3).campaign(1)
    net.get(1).node.proposeConfChange(change("l3", "jointImplicit"))
    net.lost.add("MsgProp")
    // The change is applied everywhere, its end reaches nobody.
    net.settle()
    net.get(1).node.transferLeader(2)
    net.settle()
    net.tick(2).settle()
    expect(net.raft(2).role).toBe("leader")
    expect(configuration(net.get(2))).toBe("voters=(1 2) learners=(3)")
  })
})

describe("a configuration that is stored", () => {
  test("is that of the server after a restart", () => {
    const storage = freshStorage([1, 2], [3])
    expect(configuration(new Server(1, storage))).toBe("voters=(1 2) learners=(3)")
  })

  test("comes with a snapshot, and makes a voter of a learner", () => {
    const learner = new Alone(3, [1, 2], {}, freshStorage([1, 2], [3]))
    const snapshot = { index: 5, term: 1, confState: confState([1, 2, 3]), data: NO_DATA }
    learner.hear("MsgSnap", 1, 1, { snapshot })
    expect(learner.raft.isLearner).toBe(false)
    expect(confStateOf(learner.raft.tracker.configuration)).toEqual(confState([1, 2, 3]))
  })

  test("may be joint", () => {
    const server = new Alone(1, [1])
    const joint = { ...confState([2, 3]), votersOutgoing: [1, 2], learnersNext: [1], autoLeave: true }
    server.hear("MsgSnap", 2, 1, { snapshot: { index: 5, term: 1, confState: joint, data: NO_DATA } })
    expect(configuration(server)).toBe("voters=(2 3)&&(1 2) learners_next=(1) autoleave")
  })
})

test("a committed change that is impossible ends the server instead of dividing the cluster", () => {
  const follower = new Alone(1, [1, 2])
  const { type, data } = confChangeProposal(change("r1 r2"))
  const entries: Entry[] = [{ term: 1, index: 1, type, data }]
  expect(() => follower.hear("MsgApp", 2, 1, { entries, commit: 1 })).toThrow("removed all voters")
})
