import { expect, test } from "bun:test"
import { ovl } from "../testing.ts"
import { ENDPOINT, line, WORKLOAD } from "./fixtures.ts"

test("run -d prints the name, and asks for what was said", async () => {
  let asked: unknown
  const client = {
    run: (spec: unknown) => {
      asked = spec
      return { workload: WORKLOAD, enter: {} }
    },
  }
  const words = "run -d --network red,green --name 007 --ip 10.65.10.7 -e A=1 -e HOME -- sleep --forever -d"
  const outcome = await ovl(line(words), { client, env: { HOME: "/root" } })
  expect(outcome).toEqual({ status: 0, stdout: "web\n", stderr: "" })
  expect(asked).toEqual({
    networks: ["red", "green"],
    name: "007",
    hostname: undefined,
    ip: "10.65.10.7",
    mac: undefined,
    env: ["A=1", "HOME=/root"],
    command: ["sleep", "--forever", "-d"],
    detach: true,
    cwd: "/home/user",
  })
})

test.each([
  ["run -d", "ovl: run: --network is missing"],
  ["run --network red", "ovl: run: without -d a command is wanted"],
  ["run --network red -d -it -- sh", "ovl: run: -d cannot be joined with -i or -t"],
  ["run --network red -t -- sh", "ovl: run -t: standard input is not a terminal"],
  ["run --network red, -d", 'ovl: --network: "red," has an empty item'],
  ["run --network red -e =1 -- sh", 'ovl: -e: "=1" has no key'],
  ["exec -t web sh", "ovl: exec -t: standard input is not a terminal"],
  ["exec web", "ovl: exec: CMD is missing"],
  ["attach --netns /run/netns/h1", "ovl: attach: --network is missing"],
  ["attach --network red", "ovl: attach: --netns or --pid is missing"],
  ["attach --network red --pid 1 --netns /x", "ovl: attach: --netns and --pid: only one can be used"],
  ["attach --network red --pid 0", "ovl: --pid: it must be at least 1"],
  ["stop", "ovl: stop: NAME is missing"],
  ["stop --grace 10 web", 'ovl: --grace: "10" is not a duration'],
])("ovl %s", async (words, message) => {
  const outcome = await ovl(line(words), { root: true })
  expect([outcome.status, outcome.stdout, outcome.stderr.split("\n")[0]]).toEqual([2, "", message])
  expect(outcome.stderr.split("\n")[1]).toStartWith("hint: ")
})

test.each([
  "run --network red -- sh",
  "exec web sh",
  "serve",
  "join 1.2.3.4 --token x",
  "down",
  "lab up",
  "lab ls",
  "lab exec swarm-01 id",
  "lab verify",
  "lab down",
])("ovl %s wants root", async (words) => {
  const outcome = await ovl(line(words))
  expect(outcome.status).toBe(5)
  expect(outcome.stderr).toMatch(
    /^ovl: [a-z ]+: root is needed to .*\nhint: run the same line as root, or with sudo before it\n$/,
  )
})

test("ps, with a command that would meddle with the terminal", async () => {
  const ended = { ...WORKLOAD, name: "job", pid: null, status: "exited", exitCode: 3, command: [], ports: [] }
  const client = { workloads: () => [WORKLOAD, ended] }
  expect((await ovl(["ps"], { client })).stdout).toBe(
    [
      "WORKLOAD ID    NAME   NETWORKS    PORTS                  STATUS       PID    CREATED         COMMAND",
      "249690033b4f   web    red,green   0.0.0.0:8080->80/tcp   running      4242   3 minutes ago   sh -c echo a\\nb\\x1b[31m",
      "249690033b4f   job    red,green   -                      exited (3)   -      3 minutes ago   -",
      "",
    ].join("\n"),
  )
  expect((await ovl(["ps", "-q"], { client })).stdout).toBe("web\njob\n")
  expect(JSON.parse((await ovl(["ps", "--json"], { client })).stdout)).toHaveLength(2)
})

test("logs are passed on as they are", async () => {
  const asked: unknown[] = []
  const client = {
    logs: async function* (name: string, options: unknown) {
      asked.push(name, options)
      yield new TextEncoder().encode("one\n")
      yield new TextEncoder().encode("two")
    },
  }
  expect((await ovl(line("logs -f web"), { client })).stdout).toBe("one\ntwo")
  expect(asked).toEqual(["web", { follow: true }])
  const json = await ovl(line("logs web --json"), { client })
  expect(JSON.parse(json.stdout)).toEqual({ name: "web", text: "one\ntwo" })
})

test("a document has an end, so --json and --follow exclude each other", async () => {
  const outcome = await ovl(line("logs -f --json web"))
  expect([outcome.status, JSON.parse(outcome.stderr).error.code]).toEqual([2, "json_endless"])
})

test("stop, rm and detach take several names", async () => {
  const asked: string[] = []
  const client = {
    stopWorkload: (name: string, { graceMs }: { graceMs: number }) => void asked.push(`stop ${name} ${graceMs}`),
    removeWorkload: (name: string, { force }: { force: boolean }) => void asked.push(`rm ${name} ${force}`),
    detach: (name: string) => void asked.push(`detach ${name}`),
  }
  expect((await ovl(line("stop a b"), { client })).stdout).toBe("a\nb\n")
  await ovl(line("stop --grace 1m a"), { client })
  await ovl(line("rm -f a"), { client })
  await ovl(line("detach a"), { client })
  expect(asked).toEqual(["stop a 10000", "stop b 10000", "stop a 60000", "rm a true", "detach a"])
})

test("attach makes a path whole, keeps a bare name, and leaves out what was not said", async () => {
  const asked: unknown[] = []
  const client = {
    attach: (spec: unknown) => {
      asked.push(JSON.parse(JSON.stringify(spec)))
      return ENDPOINT
    },
  }
  const outcome = await ovl(line("attach --network red --netns ns/h1"), { client })
  expect(outcome).toEqual({ status: 0, stdout: "namespace_01\n", stderr: "" })
  await ovl(line("attach --network red --netns h1"), { client })
  await ovl(line("attach --network red --pid 42 --name h1 --ifname eth3 --ip 10.65.10.9 --egress"), { client })
  expect(asked).toEqual([
    { network: "red", netns: "/home/user/ns/h1" },
    { network: "red", netns: "h1" },
    { network: "red", pid: 42, name: "h1", ifname: "eth3", ip: "10.65.10.9", egress: true },
  ])
})
