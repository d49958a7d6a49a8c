import { describe, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { Catalog } from "../model/catalog.ts"
import type { RaftServerView, RaftView } from "../model/raft.ts"
import type { ClusterInfo } from "../registry/port.ts"
import type { ReplicationStatus } from "../store/replication.ts"
import { serverProblems } from "./status-servers.ts"

/** `s1* s2 s3!` : s1 leads, s3 is not heard from; `(s4)` has no vote yet. */
function view(text: string, changes: Partial<RaftServerView> = {}): RaftView {
  const servers = text.split(" ").map((word): RaftServerView => {
    const name = word.replace(/[^a-z0-9]/g, "")
    const failed = word.includes("!")
    return {
      id: name,
      name,
      address: `10.0.0.${name.slice(1)}:8300`,
      role: word.includes("*") ? "leader" : word.includes("(") ? "learner" : "voter",
      state: failed ? "failed" : "alive",
      match: 42,
      lag: 0,
      progress: "replicate",
      lastContactMs: failed ? 12_000 : 10,
      version: "1",
      ...(word.includes("(") ? changes : {}),
    }
  })
  const leader = text.includes("*") ? "s1" : null
  return { source: "s1", leader, term: 1, commit: 42, applied: 42, servers }
}

const info: ClusterInfo = { id: "c", kvPrefix: "ovl", leader: "s1", term: 1, index: 1, servers: [], endpoints: 0 }
const here = { self: "s1", lastContactMs: 9_000, failure: null } as ReplicationStatus
const nothing = { info, here, refusal: null, catalog: new Catalog() }

function told(facts: Partial<Parameters<typeof serverProblems>[0]>): string[] {
  return serverProblems({ ...nothing, servers: null, ...facts }).flatMap(({ level, code, message, hint }) => [
    `${level} ${code}: ${message}`,
    `hint: ${hint}`,
  ])
}

test("three servers, all there: nothing to say", () => {
  expect(told({ servers: view("s1* s2 s3") })).toEqual([])
})

describe("a voter is lost", () => {
  test("with its name, since when, how many more may go, and what to do", () => {
    expect(told({ servers: view("s1* s2 s3!") })).toEqual([
      "error voter_lost: server s3 (10.0.0.3:8300) has not been heard from for 12 s; no other one may be lost now",
      "hint: start its daemon; if it is gone for good: `ovl raft rm s3`, and add another with `ovl join --server`",
    ])
    expect(told({ servers: view("s1* s2 s3! s4 s5") })[0]).toEndWith("for 12 s; 1 more may be lost")
  })
})

describe("warnings", () => {
  test("a single server", () => {
    expect(told({ servers: view("s1*") })[0]).toBe(
      "warning single_server: the store is on one server only: with it goes the cluster",
    )
  })

  test("an even number, unless one is on its way", () => {
    expect(told({ servers: view("s1* s2") })[0]).toBe(
      "warning even_voters: 2 servers vote: no more of them may be lost than of 1",
    )
    expect(told({ servers: view("s1* s2 (s3)") })).toEqual([])
  })

  test("a server that is on its way to its vote and lags", () => {
    expect(told({ servers: view("s1* (s2)", { lag: 5_000, progress: "snapshot" }) })).toEqual([
      "warning learner_lagging: server s2 has no vote yet: it is 5000 entries behind and loads the store",
      "hint: it gets its vote by itself",
    ])
    expect(told({ servers: view("s1* (s2!)") })[1]).toBe("hint: start its daemon, or take it out with `ovl raft rm s2`")
  })
})

describe("nobody leads", () => {
  test("on a server: how many must be there, since when, who is missed, and the way out", () => {
    expect(told({ info: { ...info, leader: null }, servers: view("s1 s2 s3") })).toEqual([
      "error no_leader: no server leads: 2 of 3 must run and reach each other; the last leader was heard 9 s ago",
      "hint: the data plane goes on; start s2, s3, or check the way there; if they are gone for good: `ovl raft recover`",
    ])
  })

  test("those that are reached are not called missing", () => {
    const [, hint] = told({ info: { ...info, leader: null }, servers: view("s1 s2 s3! s4! s5!") })
    expect(hint).toContain("; start s3, s4, s5, or check")
  })

  test("on a server that the others have gone on without: not the way that would make two clusters of one", () => {
    const refusal = new OvlError("not_member", "node s1: it is no member of the cluster any more", {
      kind: "forbidden",
    })
    const lines = told({ info: { ...info, leader: null }, servers: view("s1 s2 s3"), refusal })
    expect(lines[0]).toBe(
      "error not_member: the cluster refuses this node: node s1: it is no member of the cluster any more",
    )
    expect(lines.join()).not.toContain("raft recover")
  })

  test("on a client: what asking came to", () => {
    const refusal = new OvlError("no_server", "the cluster: no server answers", { kind: "unavailable" })
    expect(told({ info: null, here: null, refusal })[0]).toBe("error no_leader: the cluster: no server answers")
  })

  test("a store that has stopped is told before all else", () => {
    const failure = new OvlError("store_failed", "cannot write: Input/output error", { hint: "check the disk" })
    expect(told({ here: { ...here, failure } })).toEqual([
      "error store_failed: cannot write: Input/output error",
      "hint: check the disk",
    ])
  })
})
