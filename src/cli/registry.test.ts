import { expect, test } from "bun:test"
import { type Command, nameOf, type Option, variableOf } from "./command.ts"
import { GLOBAL_OPTIONS } from "./globals.ts"
import { bindArguments } from "./parse.ts"
import { COMMANDS, commandAt, findVerb } from "./registry.ts"
import { callsOf } from "./testing.ts"
import { positionalsBeforeCommand, splitLine, tablesOf } from "./words.ts"

/** The list of section 3 of the contract, verb by verb. */
const BUILT = `serve, uninstall, install, config show, explain, completion, join, leave, down, status, doctor, node ls, node inspect, node rm,
ping, events, wait, graph, metrics, network prune, raft ls, raft transfer, raft rm, raft recover, token create, token ls, token rm,
network create, network ls, network inspect, network rm, network connect, network disconnect, run, exec, ps, logs, stop, rm, attach, detach,
endpoint ls, endpoint inspect, version, kv get, kv put, kv del, kv ls, kv watch, kv export, kv import,
snapshot save, snapshot restore, snapshot inspect, lab up, lab ls, lab exec, lab verify, lab down,
lab validate, lab link down, lab link up`
const LATER = `trace, capture`

function names(list: string): string[] {
  return list.split(/,\s+/)
}

test("every verb of the contract is in the table, and no other", () => {
  expect(
    COMMANDS.filter((c) => !c.unavailable)
      .map(nameOf)
      .sort(),
  ).toEqual(names(BUILT).sort())
  expect(
    COMMANDS.filter((c) => c.unavailable)
      .map(nameOf)
      .sort(),
  ).toEqual(names(LATER).sort())
})

test("docker's words lead to the same commands", () => {
  expect(nameOf(commandAt(["network", "list"])!)).toBe("network ls")
  expect(nameOf(commandAt(["network", "delete"])!)).toBe("network rm")
})

/** The options of section 3, as far as they belong to one verb. */
const OPTIONS: Record<string, string> = {
  serve: "name advertise data-dir http bind kv-prefix",
  join: "name advertise data-dir http bind token token-file server",
  down: "all",
  "raft recover": "yes data-dir",
  "token create": "role ttl uses",
  "network create": "subnet gateway ip-range vni mtu internal secure multicast tenant driver label",
  "network inspect": "kernel",
  "network rm": "force",
  run: "network name detach interactive tty ip mac publish hostname env",
  exec: "interactive tty",
  logs: "follow tail",
  ping: "all-pairs count interval network ipv4 ipv6",
  events: "follow since type",
  wait: "for timeout",
  graph: "format network",
  "network prune": "yes force label",
  rm: "force",
  attach: "network netns pid name ifname ip egress",
  "network connect": "ip ip6 mac ifname egress",
  "endpoint ls": "network",
  "kv get": "raw detailed recurse keys separator base64",
  "kv put": "flags cas modify-index acquire release session base64",
  "kv del": "recurse cas modify-index",
  "kv ls": "recurse limit after",
  "kv watch": "recurse",
  "lab up": "name dry-run",
  "lab link down": "name",
  "lab link up": "name",
  "lab down": "all",
}

test("every option of the contract is there", () => {
  for (const [verb, options] of Object.entries(OPTIONS)) {
    const known = Object.keys(commandAt(verb.split(" "))!.options)
    for (const option of options.split(" ")) expect(known, `ovl ${verb} --${option}`).toContain(option)
  }
  expect(Object.keys(GLOBAL_OPTIONS)).toEqual(
    expect.arrayContaining(["socket", "run-dir", "json", "config", "no-color"]),
  )
})

test("no path begins another, so that the first that fits is the longest", () => {
  const paths = COMMANDS.flatMap((c) => [c.path, ...(c.aliases ?? [])]).map((path) => `${path.join(" ")} `)
  expect(new Set(paths).size).toBe(paths.length)
  for (const path of paths) expect(paths.filter((other) => other !== path && other.startsWith(path))).toEqual([])
})

test("no letter and no name stands for two options of a verb", () => {
  for (const command of COMMANDS) {
    const all = [...Object.entries(command.options), ...Object.entries<Option>(GLOBAL_OPTIONS)]
    const letters = all.flatMap(([, option]) => option.short ?? [])
    expect(new Set(letters).size, nameOf(command)).toBe(letters.length)
    expect(new Set(all.map(([name]) => name)).size, nameOf(command)).toBe(all.length)
  }
})

test("an option is named like its variable", () => {
  expect(variableOf("data-dir")).toBe("OVL_DATA_DIR")
  expect(variableOf("socket")).toBe("OVL_SOCKET")
})

const built: [string, Command][] = COMMANDS.filter((c) => !c.unavailable).map((c) => [nameOf(c), c])

test.each(built)("ovl %s has a summary and two examples that parse", (name, command) => {
  expect(command.summary).toMatch(/^[A-Z].*[^.]$/)
  expect(command.summary.length).toBeLessThanOrEqual(80)
  expect(command.examples.length).toBeGreaterThanOrEqual(2)
  let shown = 0
  for (const { line } of command.examples) {
    for (const call of callsOf(line)) {
      const found = findVerb(call)
      if (found.type !== "verb") throw new Error(`an example is no command: ${line}`)
      const at = positionalsBeforeCommand(found.command)
      bindArguments(found.command, splitLine(found.rest, tablesOf(found.command), at, "ovl"))
      if (nameOf(found.command) === name) shown++
    }
  }
  expect(shown).toBeGreaterThanOrEqual(2)
})
