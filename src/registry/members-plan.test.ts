import { describe, expect, test } from "bun:test"
import type { NodeRecord } from "../model/node.ts"
import type { MemberProgress, ReplicationStatus } from "../store/replication.ts"
import { type MemberStep, nextStep, quorumWouldBeLost, survivesWithout } from "./members-plan.ts"

/** `a*` leads, `b` votes, `b-` does not hear us, `(c)` is a learner that keeps up, `(c-)` one that does not. */
function status(text: string): ReplicationStatus {
  const members = text.split(" ").map((word) => {
    const nodeId = word.replace(/[^a-z]/g, "")
    const silent = word.includes("-")
    const progress: MemberProgress = {
      match: 42,
      lag: silent ? 5_000 : 3,
      state: silent ? "probe" : "replicate",
      lastContactMs: silent ? 60_000 : 20,
    }
    return { nodeId, voter: !word.includes("("), leader: word.includes("*"), progress }
  })
  const numbers = { term: 1, commit: 42, applied: 42, lastIndex: 42, lastTerm: 1, logEntries: 42, lastContactMs: 0 }
  return { self: "a", role: "leader", leader: "a", ...numbers, members, failure: null }
}

/** `a b!`: a votes by its record, b does not. */
function records(text: string): NodeRecord[] {
  return text.split(" ").map((word) => {
    const id = word.replace("!", "")
    return { id, name: id, peerAddress: `${id}:8300`, voter: !word.includes("!") } as NodeRecord
  })
}

function shown(step: MemberStep | null): string {
  if (!step) return "nothing"
  return step.type === "record" ? `record ${step.nodeId} voter ${step.voter}` : `${step.type} ${step.nodeId}`
}

const plan = (members: string, servers: string, stableMs = 0) =>
  shown(nextStep(status(members), records(servers), () => stableMs))

describe("a server's way in", () => {
  const table: [members: string, servers: string, stableMs: number, step: string][] = [
    ["a*", "a", 0, "nothing"],
    ["a*", "a b!", 0, "add b"],
    ["a* (b-)", "a b!", 0, "nothing"],
    ["a* (b)", "a b!", 0, "promote b"],
    ["a* b", "a b!", 0, "record b voter true"],
    ["a* b", "a b", 0, "nothing"],
    ["a* b (c)", "a b c!", 0, "promote c"],
    ["a* b c (d)", "a b c d!", 9_999, "nothing"],
    ["a* b c (d)", "a b c d!", 10_000, "promote d"],
    // Three of four must be there to decide: with two lost of four, nobody could any more.
    ["a* b c- (d)", "a b c d!", 60_000, "promote d"],
    ["a* b- c- (d)", "a b c d!", 60_000, "nothing"],
    // A dead learner holds nobody up.
    ["a* (b-)", "a b! c!", 0, "add c"],
  ]
  for (const [members, servers, stableMs, step] of table)
    test(`${members} with records ${servers}, stable for ${stableMs} ms: ${step}`, () => {
      expect(plan(members, servers, stableMs)).toBe(step)
    })

  test("one that loads the store is waited for before the next one begins", () => {
    const loading = status("a* (b-)")
    Object.assign(loading.members[1]!.progress!, { lastContactMs: 20, state: "snapshot" })
    expect(shown(nextStep(loading, records("a b! c!"), () => 0))).toBe("nothing")
  })

  test("nothing is done on records that do not know the leader itself", () => {
    expect(plan("a* b c", "b c")).toBe("nothing")
  })

  test("one that cannot be reached for want of an address is not taken in", () => {
    const [a, b] = records("a b!")
    expect(shown(nextStep(status("a*"), [a!, { ...b!, peerAddress: null }], () => 0))).toBe("nothing")
  })
})

describe("a server's way out", () => {
  const table: [members: string, servers: string, step: string][] = [
    ["a* b c", "a b", "remove c"],
    ["a* b c-", "a b", "remove c"],
    ["a* b (c)", "a", "remove c"],
    ["a* b", "a", "remove b"],
    // With c dead, b is needed.
    ["a* b c-", "a c", "nothing"],
    ["a* b c- d- e", "a b c d", "nothing"],
    ["a* b c- d- e", "a b c e", "remove d"],
  ]
  for (const [members, servers, step] of table)
    test(`${members} with records ${servers}: ${step}`, () => expect(plan(members, servers)).toBe(step))

  test("why one may not go, and what to do first", () => {
    const shownFor = (members: string, id: string) => {
      expect(survivesWithout(status(members), id)).toBe(false)
      const { message, hint } = quorumWouldBeLost(status(members), id, (each) => each.toUpperCase())
      return [message, hint]
    }
    expect(shownFor("a* b c-", "b")).toEqual([
      "cannot take B out of the servers: too few would be left to decide: C is not heard from",
      "bring C back first, or remove it: ovl raft rm C",
    ])
    expect(shownFor("a* (b)", "a")).toEqual([
      "cannot take A out of the servers: too few would be left to decide: no other server has a vote",
      "wait until B has its vote: ovl raft ls",
    ])
    expect(shownFor("a*", "a")[1]).toBe("add a server first: ovl join --server")
  })
})
