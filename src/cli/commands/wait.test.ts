import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { StatusView } from "../../model/node.ts"
import type { FakeWorld } from "../testing.ts"
import { ovl } from "../testing.ts"
import { ENDPOINT, line, NODE, RED, STATUS, WORKLOAD } from "./fixtures.ts"

const notFound = (what: string) => () => {
  throw new OvlError(`${what}_not_found`, `no ${what}`, { kind: "not_found" })
}

/** No event ever comes; the time is over at once, since sleeping takes none here. */
function silent(client: FakeWorld["client"]): FakeWorld {
  return {
    client: {
      events: async function* ({ signal }: { signal: AbortSignal }) {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
      },
      ...client,
    },
  }
}

test("each condition that is met, with what is the case", async () => {
  const exited = { ...WORKLOAD, name: "job", status: "exited", exitCode: 3 }
  const world = silent({
    status: async () => STATUS,
    nodes: async () => [NODE, { ...NODE, state: "failed" }],
    node: async (name: string) => (name === "swarm-01" ? NODE : notFound("node")()),
    network: async (name: string) => (name === "red" ? RED : notFound("network")()),
    endpoint: async (name: string) => (name === "ns1" ? ENDPOINT : notFound("endpoint")()),
    workloads: async () => [WORKLOAD, exited],
  })
  for (const [condition, now] of [
    ["leader", "swarm-01 leads"],
    ["healthy", "health is ok"],
    ["in-sync", "the kernel of swarm-01 is in sync"],
    ["nodes=1", "1 of 2 nodes are alive"],
    ["node=swarm-01", "node swarm-01 is alive"],
    ["node=swarm-09:gone", "there is no node swarm-09"],
    ["network=red", "there is a network red"],
    ["network=blue:gone", "there is no network blue"],
    ["endpoint=ns1:up", "endpoint ns1 is up"],
    ["endpoint=ns2:gone", "there is no endpoint ns2"],
    ["workload=WEB:running", "workload WEB is running"],
    ["workload=none:gone", "there is no workload none on the node that was asked"],
  ])
    expect([condition, await ovl(["wait", "--for", condition!], world)]).toEqual([
      condition!,
      { status: 0, stdout: "", stderr: `${now}\n` },
    ])
  // The exit status of the command is what a script wants.
  expect(await ovl(line("wait --for workload=job:exited"), world)).toEqual({ status: 0, stdout: "3\n", stderr: "" })
  expect(JSON.parse((await ovl(line("wait --json --for workload=job:exited,leader"), world)).stdout)).toEqual([
    { condition: "workload=job:exited", met: true, now: "workload job has ended, exit status 3", exitCode: 3 },
    { condition: "leader", met: true, now: "swarm-01 leads" },
  ])
})

test("what is not so in time: exit 1, and what is the case instead", async () => {
  const world = silent({
    status: async () => ({ ...STATUS, cluster: { ...STATUS.cluster, leader: null } }),
    node: async () => ({ ...NODE, state: "failed" }),
    workloads: async () => [WORKLOAD],
  })
  const outcome = await ovl(line("wait --for leader --for in-sync --for node=swarm-02 --timeout 5s"), world)
  expect([outcome.status, outcome.stderr.split("\n")[0]]).toEqual([
    1,
    "ovl: wait for leader, node=swarm-02: not so after 5s: no leader is known; node swarm-02 is failed",
  ])
  expect((await ovl(line("wait --for workload=web"), world)).stderr).toContain("workload web is running")
})

test("it looks again with each event, without any clock", async () => {
  let leader: string | null = null
  let looks = 0
  const client = {
    status: async (): Promise<StatusView> => {
      looks++
      return { ...STATUS, cluster: { ...STATUS.cluster, leader } }
    },
    events: async function* ({ signal }: { signal: AbortSignal }) {
      while (looks === 0) await Bun.sleep(1)
      yield {}
      while (looks === 1) await Bun.sleep(1)
      leader = "swarm-02"
      yield {}
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
    },
  }
  const sleep = () => new Promise<void>(() => {})
  expect(await ovl(line("wait --for leader"), { client, sleep })).toEqual({
    status: 0,
    stdout: "",
    stderr: "swarm-02 leads\n",
  })
  expect(looks).toBe(3)
})

test("no daemon: it waits, then says so with exit 6", async () => {
  const gone = () => Promise.reject(new OvlError("no_daemon", "nobody is listening", { kind: "unavailable" }))
  const outcome = await ovl(line("wait --for leader"), silent({ status: gone }))
  expect([outcome.status, outcome.stderr]).toEqual([6, "ovl: wait for leader: not so after 30s: nobody is listening\n"])
})

test("a daemon that takes the question and never answers does not keep it: exit 6", async () => {
  const world = silent({ status: () => new Promise<StatusView>(() => {}) })
  const outcome = await ovl(line("wait --for leader --timeout 1ms"), world)
  expect([outcome.status, outcome.stderr.split("\n")[0]]).toEqual([
    6,
    "ovl: wait for leader: not so after 1ms: the daemon does not answer",
  ])
})

test("a condition that is none, or is incomplete: exit 2 with what there is", async () => {
  for (const [condition, code] of [
    ["lead", "condition_unknown"],
    ["toString", "condition_unknown"],
    ["leader=x", "condition_invalid"],
    ["nodes", "condition_invalid"],
    ["nodes=0", "condition_invalid"],
    ["nodes=3:alive", "condition_invalid"],
    ["node=", "condition_invalid"],
    ["node=x:up", "condition_invalid"],
    ["endpoint=x:up:up", "condition_invalid"],
  ] as const) {
    const { status, stderr } = await ovl(["wait", "--for", condition, "--json"])
    expect([condition, status, JSON.parse(stderr).error.code]).toEqual([condition, 2, code])
  }
  const unknown = await ovl(line("wait --for frob"))
  expect(unknown.stderr).toContain(
    "hint: one of leader, healthy, in-sync, nodes=N, node=NAME[:alive|failed|left|gone],",
  )
  expect((await ovl(["wait"])).stderr).toStartWith("ovl: wait: --for is missing\nhint: name one of leader,")
})
