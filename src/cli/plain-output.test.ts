import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { Client } from "../client/client.ts"
import { KvClient } from "../client/kv.ts"
import { ENDPOINT, NODE, RED, STATUS, TOKEN, WORKLOAD } from "./commands/fixtures.ts"
import { type Command, nameOf } from "./command.ts"
import { COMMANDS } from "./registry.ts"
import { doctorText } from "./commands/doctor.ts"
import { styleFor } from "./render/style.ts"
import { callsOf, type FakeWorld, ovl } from "./testing.ts"

/** Looks at this machine instead of asking a client; and one that goes on for ever. */
const APART = ["doctor", "kv watch"]

/** Text of others that would colour a terminal, if it were passed on. */
const HOSTILE = "\x1b[31mred"

const ANSWERS: Record<string, unknown> = {
  networks: [RED],
  network: { ...RED, labels: { a: HOSTILE } },
  createNetwork: RED,
  endpoints: [ENDPOINT],
  endpoint: ENDPOINT,
  attach: ENDPOINT,
  connect: ENDPOINT,
  nodes: [NODE, { ...NODE, name: "swarm-02", state: "failed", version: HOSTILE }],
  node: NODE,
  status: {
    ...STATUS,
    health: "degraded",
    problems: [{ code: "voter_lost", message: HOSTILE, hint: HOSTILE, level: "error" }],
  },
  tokens: [TOKEN],
  createToken: { ...TOKEN, token: "ovl1.x" },
  workloads: [WORKLOAD],
  run: { workload: WORKLOAD, enter: {} },
  transferLeader: { leader: "swarm-02" },
}
/** These do something and answer nothing. */
const DONE = /^(remove|detach|disconnect|leave|stop|restore)/

function scripted(prototype: object): Record<string, () => unknown> {
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor")
  return Object.fromEntries(names.map((name) => [name, () => (STREAMS.includes(name) ? stream(name) : asked(name))]))
}

const STREAMS = ["logs", "events", "pingLines"]

async function* stream(name: string): AsyncGenerator<unknown> {
  yield answer(name)
}

async function asked(name: string): Promise<unknown> {
  return answer(name)
}

function answer(name: string): unknown {
  if (Object.hasOwn(ANSWERS, name)) return ANSWERS[name]
  if (DONE.test(name)) return undefined
  throw new OvlError("no_daemon", `cannot reach the daemon: ${HOSTILE}`, { kind: "unavailable", hint: "start it" })
}

const lines: [string, string[]][] = COMMANDS.filter(({ unavailable }) => !unavailable)
  .filter((command) => !APART.includes(nameOf(command)))
  .flatMap((command) => callsOfCommand(command).map((call): [string, string[]] => [call.join(" "), call]))

function callsOfCommand(command: Command): string[][] {
  const calls = command.examples.flatMap(({ line }) => callsOf(line))
  const own = calls.filter((call) => command.path.every((word, at) => call[at] === word))
  const quick = own.filter((call) => !call.some((word) => /^(-\w*f|--follow|-it)$/.test(word)))
  return [...quick, [...command.path, "--help"]]
}

const world = (more: FakeWorld): FakeWorld => ({
  client: scripted(Client.prototype),
  kv: scripted(KvClient.prototype),
  ...more,
})

test.each(lines)("no escape code where none is wanted: ovl %s", async (_, call) => {
  const piped = await ovl(call, world({}))
  expect(piped.stdout + piped.stderr).not.toContain("\x1b")
  const noColor = await ovl(call, world({ terminal: true, env: { NO_COLOR: "1" } }))
  expect(noColor.stdout + noColor.stderr).not.toContain("\x1b")
  const option = await ovl(["--no-color", ...call], world({ terminal: true }))
  expect(option.stdout + option.stderr).not.toContain("\x1b")
})

test.each(lines)("with -q stderr has errors alone, on a terminal too: ovl %s", async (_, call) => {
  const { stderr } = await ovl(["-q", "--no-color", ...call], world({ terminal: true }))
  for (const line of stderr.trimEnd().split("\n")) expect(line).toMatch(/^($|ovl: |hint: |\{"error":)/)
})

test("nothing of progress in a pipe", async () => {
  const slow: FakeWorld = { client: { createNetwork: () => Bun.sleep(5).then(() => RED) } }
  const call = ["network", "create", "red"]
  expect((await ovl(call, slow)).stderr).toBe("")
  expect((await ovl(call, { ...slow, terminal: true })).stderr).toContain("creating network red")
  expect((await ovl([...call, "-q"], { ...slow, terminal: true })).stderr).toBe("")
  expect((await ovl([...call, "--json"], { ...slow, terminal: true })).stderr).toBe("")
})

test("colour is there where it is wanted, and only what is ovl's own", async () => {
  const { stdout } = await ovl(["status"], world({ terminal: true }))
  expect(stdout).toContain("\x1b[")
  expect(stdout).not.toContain(HOSTILE)
  const view = { checks: [], passed: 0, warnings: 0, failed: 1, skipped: 0, removed: [] }
  expect(doctorText(view, styleFor(true, true, {}), null)).not.toContain("\x1b")
  expect(doctorText(view, styleFor(true, false, {}), null)).toContain("\x1b")
})
