import { expect, test } from "bun:test"
import { COMMANDS } from "./registry.ts"
import { ovl } from "./testing.ts"

test("the first page is one screen, grouped by task", async () => {
  const { status, stdout, stderr } = await ovl([])
  expect([status, stderr]).toEqual([0, ""])
  expect(stdout.replace(/^ovl \S+/, "ovl VERSION")).toBe(`ovl VERSION - overlay networks between Linux hosts

Usage: ovl COMMAND [options]

See it work
  lab        up, verify, exec, link, ls, down, validate - several nodes on this machine

Run a node
  serve      Run the first server of a new cluster, in the foreground
  join       Run a further node of a cluster, in the foreground
  leave      Take this node out of its cluster
  down       Remove all that ovl put into this host's kernel, daemon alive or not
  token      create, ls, rm - join tokens

Networks
  network    create, ls, inspect, rm, prune, connect, disconnect - isolated layer-2 segments
  endpoint   ls, inspect - interfaces of workloads on networks, on every node

Workloads on this node
  run        Run a command in a network namespace of its own, on one or more networks
  exec       Run a command in a workload's namespaces; its exit status is passed on
  ps         List the workloads that \`ovl run\` made here, ended ones too
  logs       Show what a detached workload printed
  stop       Stop workloads: SIGTERM, and SIGKILL when that is not enough
  rm         Remove workloads, their endpoints and their logs
  attach     Give an interface on a network to a namespace that somebody else made
  detach     Take back what \`ovl attach\` gave a namespace

Keys and values
  kv         get, put, del, ls, watch, export, import - keys and their values, as in Consul
  snapshot   save, restore, inspect - all keys and sessions in a file

Look closer
  status     Health of this node and its cluster, then the facts
  doctor     Look for what keeps this node from working, before it runs and after
  ping       Ping from one workload to another, on any node
  events     Show what happened, or with -f what happens, as it happens
  wait       Wait until something is so
  graph      Draw networks, nodes and workloads
  metrics    Show this node's figures
  node       ls, inspect, rm - the hosts of the cluster
  raft       ls, transfer, rm, recover - the servers that keep the store, and who leads
  version    Which ovl this is

Not in this version
  trace, capture, completion

"ovl COMMAND --help" explains a command. New here? As root: ovl lab up, then ovl lab verify.
`)
})

test("help is asked for in every usual way", async () => {
  const first = (await ovl([])).stdout
  for (const words of [["--help"], ["-h"], ["help"]]) expect((await ovl(words)).stdout).toBe(first)
  const verb = (await ovl(["network", "create", "--help"])).stdout
  expect(verb).toStartWith(
    "Create a network on the whole cluster and print its id.\n\nUsage: ovl network create NAME [options]\n",
  )
  for (const line of [
    "network create -h",
    "help network create",
    "network --help create",
    "network create red --frob --help",
  ])
    expect([line, (await ovl(line.split(" "))).stdout]).toEqual([line, verb])
  expect((await ovl(["help", "network"])).stdout).toBe((await ovl(["network", "--help"])).stdout)
  expect((await ovl(["help", "netwrk"])).status).toBe(2)
})

test("the page of a verb", async () => {
  const { stdout } = await ovl(["token", "create", "--help"])
  const [before, after] = stdout.split("Options of every command:")
  expect(before).toBe(`Make a token with which nodes can join, and print it.

Usage: ovl token create [options]

It is shown this once: the cluster keeps only a hash of it. Without --uses it can be used any number
of times.

Options:
      --role ROLE      What it lets a node become: client or server [default client; OVL_ROLE]
      --ttl DURATION   How long it is valid [default 24h; OVL_TTL]
      --uses N         How many nodes may join with it (default: any number) [OVL_USES]

`)
  expect(after).toContain("--socket PATH")
  expect(after).toEndWith(`Examples:
  # Join a second host
  ovl join 192.168.1.51 --token "$(ssh swarm-01 ovl token create)"

  # Good for one node within ten minutes
  ovl token create --ttl 10m --uses 1
`)
})

test("where a command is taken, the options stand before it", async () => {
  expect((await ovl(["exec", "-h"])).stdout).toContain("Usage: ovl exec [options] NAME [--] CMD...\n")
  expect((await ovl(["run", "-h"])).stdout).toContain("Usage: ovl run [options] [-- CMD...]\n")
})

test("the help of somebody else's command is left to it", async () => {
  let asked: unknown
  const client = {
    run: (spec: { command: string[] }) => {
      asked = spec.command
      return { workload: { name: "w" }, enter: {} }
    },
  }
  await ovl(["run", "-d", "--network", "red", "ping", "--help"], { client })
  expect(asked).toEqual(["ping", "--help"])
})

test("what is not built is marked", async () => {
  expect((await ovl(["trace", "--help"])).stdout).toStartWith(
    "Follow the way from one workload to another, hop by hop.\n\nNot available in this version.\n",
  )
  expect((await ovl(["network", "create", "--help"])).stdout).toContain(
    "--secure            Encrypt between nodes (not available in this version)\n",
  )
})

test("no line of any page is longer than 100 characters, but for examples", async () => {
  for (const command of COMMANDS) {
    const { stdout } = await ovl([...command.path, "--help"])
    for (const line of stdout.split("Examples:")[0]!.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100)
  }
})

test("the version, in every usual way", async () => {
  const { stdout } = await ovl(["version"])
  expect(stdout).toMatch(/^ovl \S+( \([0-9a-f]+\))?\n$/)
  for (const words of [["--version"], ["-v"], ["serve", "--version"]]) expect((await ovl(words)).stdout).toBe(stdout)
  expect(Object.keys(JSON.parse((await ovl(["version", "--json"])).stdout))).toEqual(["version", "commit", "platform"])
  expect(Object.keys(JSON.parse((await ovl(["--version", "--json"])).stdout))).toEqual([
    "version",
    "commit",
    "platform",
  ])
})
