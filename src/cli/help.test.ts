import { expect, test } from "bun:test"
import { TASKS } from "./command.ts"
import { summaryOf } from "./help.ts"
import { COMMANDS } from "./registry.ts"
import { ovl } from "./testing.ts"

test("the first page is one screen, grouped by task", async () => {
  const { status, stdout, stderr } = await ovl([])
  expect([status, stderr]).toEqual([0, ""])
  const lines = stdout.trimEnd().split("\n")
  expect(lines.length).toBeLessThanOrEqual(40)
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
  expect(lines.filter((line) => /^[A-Z][a-z ]+$/.test(line))).toEqual([...TASKS])
  expect(
    lines
      .slice(0, 2)
      .join("\n")
      .replace(/^ovl \S+/, "ovl VERSION"),
  ).toBe(
    `ovl VERSION - overlay networks between Linux hosts
Usage: ovl COMMAND [options]; \`ovl COMMAND --help\` has options and examples`,
  )
  expect(stdout).toContain(`
Networks
  network             create, ls, inspect, rm, prune, connect, disconnect
  endpoint            ls, inspect: interfaces of workloads, on every node
Workloads on this node
`)
  expect(stdout).toContain("  leave, down         Take the node out of its cluster; clean this host\n")
  expect(lines.at(-1)).toBe("New here? As root: ovl lab up, then ovl lab verify.")
})

test("every word stands on the first page, what is not built apart", async () => {
  const { stdout } = await ovl([])
  const rows = stdout.split("\n").flatMap((line) => /^ {2}(\S.*?) {2,}/.exec(line)?.[1]?.split(", ") ?? [])
  const words = (built: boolean) => [
    ...new Set(COMMANDS.filter((each) => !each.unavailable === built).map(({ path }) => path[0]!)),
  ]
  expect([...rows].sort()).toEqual(words(true).sort())
  const missing = /^Not in this version: (.*)$/m.exec(stdout)?.[1]?.split(", ")
  expect(missing).toEqual(words(false).filter((word) => !rows.includes(word)))
})

test("every noun says what it stands for", () => {
  for (const { path } of COMMANDS)
    for (let length = 1; length < path.length; length++)
      expect(summaryOf(path.slice(0, length)), path.join(" ")).not.toBe("")
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
  const examples = `Examples:
  # Join a second host
  ovl join 192.168.1.51 --token "$(ssh swarm-01 ovl token create)"

  # Good for one node within ten minutes
  ovl token create --ttl 10m --uses 1

`
  expect(before).toBe(`Make a token with which nodes can join, and print it.

Usage: ovl token create [options]

It is shown this once: the cluster keeps only a hash of it. Without --uses it
can be used any number of times.

Options:
      --role ROLE      What it lets a node become: client or server [default
                       client; OVL_ROLE]
      --ttl DURATION   How long it is valid [default 24h; OVL_TTL]
      --uses N         How many nodes may join with it (default: any number)
                       [OVL_USES]

${examples}`)
  expect(after).toContain("--socket PATH")
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

test("no line of any page is longer than 80 characters, but for examples", async () => {
  for (const command of COMMANDS) {
    const { stdout } = await ovl([...command.path, "--help"])
    for (const line of stdout.split("Examples:")[0]!.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80)
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
