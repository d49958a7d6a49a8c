import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { RaftServerView, RaftView, RecoveryPreview } from "../../model/raft.ts"
import { ovl } from "../testing.ts"
import { line } from "./fixtures.ts"

const SERVER: RaftServerView = {
  id: "1".repeat(64),
  name: "swarm-01",
  address: "192.168.100.51:8300",
  role: "leader",
  state: "alive",
  match: 1_204_518,
  lag: 0,
  progress: "replicate",
  lastContactMs: 0,
  version: "0.1.0",
}

const VIEW: RaftView = {
  source: "swarm-01",
  leader: "swarm-01",
  term: 7,
  commit: 1_204_518,
  applied: 1_204_518,
  servers: [
    SERVER,
    { ...SERVER, name: "swarm-02", role: "voter", lastContactMs: 37.4 },
    { ...SERVER, name: "swarm-03", role: "voter", state: "failed", match: 900, lag: 1_203_618, lastContactMs: 61_200 },
    { ...SERVER, name: "swarm-04", role: "learner", match: 0, lag: 1_204_518, progress: "snapshot", lastContactMs: 5 },
  ],
}

test("raft ls, in eighty columns", async () => {
  const { stdout } = await ovl(line("raft ls"), { client: { raft: () => VIEW } })
  expect(stdout.split("\n")).toEqual([
    "NAME       ADDRESS               ROLE      STATE     MATCH     LAG       CONTACT",
    "swarm-01   192.168.100.51:8300   leader    alive     1204518   0         0 ms",
    "swarm-02   192.168.100.51:8300   voter     alive     1204518   0         37 ms",
    "swarm-03   192.168.100.51:8300   voter     failed    900       1203618   61 s",
    "swarm-04   192.168.100.51:8300   learner   loading   0         1204518   5 ms",
    "",
  ])
  for (const row of stdout.split("\n")) expect(row.length).toBeLessThanOrEqual(80)
  expect((await ovl(line("raft ls -q"), { client: { raft: () => VIEW } })).stdout).toBe(
    "swarm-01\nswarm-02\nswarm-03\nswarm-04\n",
  )
  expect(JSON.parse((await ovl(line("raft ls --json"), { client: { raft: () => VIEW } })).stdout)).toEqual(VIEW)
})

test("raft ls where nobody leads says whose knowledge it is", async () => {
  const unknown = { match: null, lag: null, progress: null, lastContactMs: null }
  const servers = VIEW.servers.slice(0, 2).map((server) => ({ ...server, ...unknown, role: "voter" as const }))
  const view = { ...VIEW, source: "swarm-02", leader: null, servers }
  expect(await ovl(line("raft ls"), { client: { raft: () => view } })).toEqual({
    status: 0,
    stdout: [
      "NAME       ADDRESS               ROLE    STATE   MATCH   LAG   CONTACT",
      "swarm-01   192.168.100.51:8300   voter   alive   -       -     -",
      "swarm-02   192.168.100.51:8300   voter   alive   -       -     -",
      "",
    ].join("\n"),
    stderr: "no server leads; this is what swarm-02 knows by itself\n",
  })
})

test("raft transfer prints the new leader", async () => {
  const asked: unknown[] = []
  const client = {
    transferLeader: (name: unknown) => {
      asked.push(name)
      return { leader: "swarm-02" }
    },
  }
  expect(await ovl(line("raft transfer"), { client })).toEqual({ status: 0, stdout: "swarm-02\n", stderr: "" })
  await ovl(line("raft transfer swarm-02"), { client })
  expect(asked).toEqual([undefined, "swarm-02"])
})

test("raft rm takes each out, and says which could not be", async () => {
  const client = {
    removeServer: (name: string) => {
      if (name === "s2") throw new OvlError("quorum_would_be_lost", "cannot take s2 out: no", { kind: "conflict" })
    },
  }
  const outcome = await ovl(line("raft rm s2 s3"), { client })
  expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([4, "s3\n", "ovl: cannot take s2 out: no\n"])
})

const PREVIEW: RecoveryPreview = {
  node: "swarm-01",
  lastTerm: 7,
  lastIndex: 1_204_521,
  commit: 1_204_518,
  undecided: 3,
  lastContactMs: 61_000,
  recoveryEpoch: 0,
  removed: ["swarm-02", "swarm-03"],
  recovered: false,
}

test("raft recover says what it would cost, and does nothing without --yes", async () => {
  const asked: unknown[] = []
  const client = {
    recover: (options: { confirm: boolean }) => {
      asked.push(options.confirm)
      return { ...PREVIEW, recovered: options.confirm }
    },
  }
  const first = await ovl(line("raft recover"), { client })
  expect([first.status, first.stdout, first.stderr]).toEqual([
    2,
    [
      "server         swarm-01",
      "last entry     term 7, index 1204521",
      "decided        up to index 1204518",
      "adopted        3 entries that may never have been decided",
      "leader heard   61 s ago: what others acknowledged since then is lost",
      "to remove      swarm-02, swarm-03",
      "",
    ].join("\n"),
    [
      "ovl: raft recover: nothing was changed: this cannot be taken back",
      "hint: compare the last entry with the other servers that are left; then, on the best one: ovl raft recover --yes",
      "",
    ].join("\n"),
  ])
  const second = await ovl(line("raft recover --yes"), { client })
  expect([second.status, asked]).toEqual([0, [false, true]])
  expect(second.stderr).toBe("swarm-01 goes on as the only server; add others with `ovl join --server`\n")
})

test("raft recover where no daemon runs wants root", async () => {
  const client = {
    recover: async () => {
      throw new OvlError("no_daemon", "cannot reach the daemon", { kind: "unavailable" })
    },
  }
  const outcome = await ovl(line("raft recover"), { client })
  expect([outcome.status, outcome.stderr.split("\n")[0]]).toEqual([
    5,
    "ovl: raft recover: root is needed to open the data directory where no daemon runs",
  ])
})
