import { expect, test } from "bun:test"
import type { StatusView } from "../../model/node.ts"
import { ovl } from "../testing.ts"
import { ENDPOINT, line, NODE, STATUS, TOKEN } from "./fixtures.ts"

test("status: health first, then facts", async () => {
  expect(await ovl(["status"], { client: { status: () => STATUS } })).toEqual({
    status: 0,
    stdout: [
      "health      ok",
      "node        swarm-01 (server, leader) at 192.168.1.51, ovl 0.1.0",
      "cluster     c0ffee: 2 nodes, 1 server",
      "leader      swarm-01, term 1, index 42",
      "networks    2",
      "endpoints   4",
      "kernel      in sync, looked at 3 seconds ago, 0 repairs",
      "",
    ].join("\n"),
    stderr: "",
  })
})

test("status: degraded exits 7, with what is wrong and what to do", async () => {
  const degraded: StatusView = {
    ...STATUS,
    health: "degraded",
    problems: [{ code: "no_leader", message: "no server answers", hint: "is swarm-01 up?", level: "error" }],
    cluster: { ...STATUS.cluster, leader: null },
    kernel: { inSync: false, lastReconcile: null, repairs: 1, reconcileCpuMs: null },
  }
  const outcome = await ovl(["status"], { client: { status: () => degraded } })
  expect(outcome.status).toBe(7)
  expect(outcome.stdout).toBe(
    [
      "health      degraded",
      "problem     no_leader: no server answers",
      "            hint: is swarm-01 up?",
      "node        swarm-01 (server, leader) at 192.168.1.51, ovl 0.1.0",
      "cluster     c0ffee: 2 nodes, 1 server",
      "leader      none known, term 1, index 42",
      "networks    2",
      "endpoints   4",
      "kernel      not in sync, never looked at, 1 repair",
      "",
    ].join("\n"),
  )
  expect((await ovl(["status", "--json"], { client: { status: () => degraded } })).status).toBe(7)
})

test("node ls", async () => {
  const second = { ...NODE, name: "swarm-02", role: "client", leader: false, state: "failed" }
  expect((await ovl(line("node ls"), { client: { nodes: () => [NODE, second] } })).stdout).toBe(
    [
      "NAME       ADDRESS        ROLE              STATE    VERSION",
      "swarm-01   192.168.1.51   server (leader)   alive    0.1.0",
      "swarm-02   192.168.1.51   client            failed   0.1.0",
      "",
    ].join("\n"),
  )
})

test("node inspect is one object", async () => {
  const { stdout } = await ovl(line("node inspect swarm-01"), { client: { node: () => NODE } })
  expect(JSON.parse(stdout)).toEqual(NODE)
})

test("endpoint ls, of one network", async () => {
  let asked: unknown
  const client = {
    endpoints: (options: unknown) => {
      asked = options
      return [ENDPOINT]
    },
  }
  expect((await ovl(line("endpoint ls --network red"), { client })).stdout).toBe(
    [
      "NAME           NETWORK   NODE       VTEP           IP              MAC                 IFNAME   STATE",
      "namespace_01   red       swarm-01   192.168.1.51   10.65.10.2/24   02:42:0a:41:0a:02   eth0     up",
      "",
    ].join("\n"),
  )
  expect(asked).toEqual({ network: "red" })
})

test("endpoint inspect is one object", async () => {
  const { stdout } = await ovl(line("endpoint inspect namespace_01"), { client: { endpoint: () => ENDPOINT } })
  expect(JSON.parse(stdout)).toEqual(ENDPOINT)
})

test("token create prints the token and nothing else", async () => {
  const asked: unknown[] = []
  const client = {
    createToken: (spec: unknown) => {
      asked.push(spec)
      return { id: "3f9c", token: "ovl1-secret", role: "client", expires: "2026-03-02T11:00:00Z" }
    },
  }
  expect(await ovl(line("token create"), { client })).toEqual({ status: 0, stdout: "ovl1-secret\n", stderr: "" })
  await ovl(line("token create --role server --ttl 90m --uses 3"), { client })
  expect(asked).toEqual([
    { role: "client", ttlMs: 86_400_000, uses: null },
    { role: "server", ttlMs: 5_400_000, uses: 3 },
  ])
  const json = JSON.parse((await ovl(line("token create --json"), { client })).stdout)
  expect(Object.keys(json)).toEqual(["id", "token", "role", "expires"])
})

test("token create checks its numbers", async () => {
  for (const wrong of ["--uses 0", "--uses x", "--ttl 24", "--ttl 0s", "--ttl 11000d", "--role boss"])
    expect([wrong, (await ovl(line(`token create ${wrong}`))).status]).toEqual([wrong, 2])
})

test("token ls", async () => {
  const client = { tokens: () => [TOKEN, { ...TOKEN, usesLeft: 2, role: "server" }] }
  expect((await ovl(line("token ls"), { client })).stdout).toBe(
    [
      "ID     ROLE     USES LEFT   EXPIRES       CREATED",
      "3f9c   client   any         in 23 hours   1 hour ago",
      "3f9c   server   2           in 23 hours   1 hour ago",
      "",
    ].join("\n"),
  )
  expect((await ovl(line("token ls -q"), { client })).stdout).toBe("3f9c\n3f9c\n")
})

test("leave says so on stderr, or as JSON", async () => {
  const client = { leave: () => undefined }
  expect(await ovl(["leave"], { client })).toEqual({
    status: 0,
    stdout: "",
    stderr: "this node has left its cluster\n",
  })
  expect(JSON.parse((await ovl(["leave", "--json", "-q"], { client })).stdout)).toEqual({ left: true })
})
