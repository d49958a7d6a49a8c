import { expect, test } from "bun:test"
import { OvlError } from "../../base/errors.ts"
import type { EventView } from "../../model/event.ts"
import { ovl } from "../testing.ts"
import { line } from "./fixtures.ts"

function event(type: string, message: string, time = "2026-03-01T11:59:00.000Z"): EventView {
  return { time, node: "h1", type, message, fields: {} }
}

const PAST = [event("network_created", "network red is there, VNI 256"), event("repaired", "a\nb\x1b[2J")]

test("without -f: what the node remembers, a line each, nothing of which a terminal obeys", async () => {
  const asked: unknown[] = []
  const client = {
    events: async function* (options: unknown) {
      asked.push(options)
      yield* PAST
    },
  }
  expect(await ovl(["events"], { client })).toEqual({
    status: 0,
    stdout: [
      "2026-03-01T11:59:00.000Z h1 network_created  network red is there, VNI 256",
      "2026-03-01T11:59:00.000Z h1 repaired         a\\nb\\x1b[2J",
      "",
    ].join("\n"),
    stderr: "",
  })
  expect(JSON.parse((await ovl(line("events --json --type repaired"), { client })).stdout)).toEqual([PAST[1]])
  await ovl(line("events --since 1h30m"), { client })
  await ovl(line("events --since 2026-03-01T12:00:00+01:00"), { client })
  expect(asked).toEqual([
    { since: undefined, follow: false },
    { since: undefined, follow: false },
    { since: "2026-03-01T10:30:00.000Z", follow: false },
    { since: "2026-03-01T11:00:00.000Z", follow: false },
  ])
})

test("with -f a document a line, until Ctrl-C, over a daemon that restarts", async () => {
  const asked: unknown[] = []
  const client = {
    workloads: async () => [],
    events: async function* ({ since, signal }: { since?: string; signal: AbortSignal }) {
      asked.push(since)
      if (asked.length === 1) yield PAST[0]
      else if (asked.length === 2) throw new OvlError("no_daemon", "gone", { kind: "unavailable" })
      else {
        yield event("node_alive", "node h2 is heard from", "2026-03-01T11:59:30.000Z")
        process.kill(process.pid, "SIGINT")
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
      }
    },
  }
  const { status, stdout, stderr } = await ovl(line("events -f --json"), { client })
  expect(status).toBe(0)
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((each) => JSON.parse(each).type),
  ).toEqual(["network_created", "node_alive"])
  expect(asked).toEqual([undefined, "2026-03-01T11:59:00.001Z", "2026-03-01T11:59:00.001Z"])
  expect(stderr).toBe("waiting: the daemon has ended\ngoing on\n")
})

test("no daemon in the beginning is an error, and so is what makes no sense", async () => {
  const client = { workloads: () => Promise.reject(new OvlError("no_daemon", "nobody", { kind: "unavailable" })) }
  expect((await ovl(line("events -f"), { client })).status).toBe(6)
  const wrong = await ovl(line("events --type node_failled"))
  expect([wrong.status, wrong.stderr]).toEqual([
    2,
    'ovl: --type: "node_failled" is no type of event\nhint: did you mean "node_failed"?\n',
  ])
  for (const since of ["yesterday", "5", "2026-13-45", "10 m"])
    expect([since, (await ovl(["events", "--since", since])).status]).toEqual([since, 2])
})
