/** docs/first-day.md is run, command by command, and says what it shows. `bun scripts/first-day.ts --write` renews it. */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type PageCommand, parsePage, withOutputs } from "../support/console-page.ts"
import { MASKS, masked } from "../support/masks.ts"
import { describeAsRoot } from "../support/netns.ts"
import { differences, runPage } from "../support/page-runner.ts"

const SOURCE = readFileSync(join(resolve(import.meta.dir, "../.."), "docs/first-day.md"), "utf8")
const TIMEOUT_MS = 120_000

const pageOf = (...lines: string[]) => parsePage(lines.join("\n"))

describe("a page of commands", () => {
  test("is read as files, commands and outputs, and written with others", () => {
    const page = pageOf("```yaml a.yaml", "name: a", "```", "so:", "```console", "$ one", "said", "$ two", "```")
    expect(page.steps).toEqual([
      { kind: "file", line: 2, name: "a.yaml", text: "name: a\n" },
      { kind: "command", line: 6, text: "one", output: ["said"] },
      { kind: "command", line: 8, text: "two", output: [] },
    ])
    const [, one, two] = page.steps as [unknown, PageCommand, PageCommand]
    const outputs = new Map([
      [one, ["x", "y"]],
      [two, ["z"]],
    ])
    expect(withOutputs(page, outputs).split("\n").slice(4)).toEqual([
      "```console",
      "$ one",
      "x",
      "y",
      "$ two",
      "z",
      "```",
    ])
    expect(withOutputs(page, new Map())).toBe(page.lines.join("\n"))
  })

  test("has no block that nobody runs, unless it says why", () => {
    expect(() => pageOf("```console", "```")).toThrow("line 1: a console block without a command")
    expect(() => pageOf("", "```console", "said", "$ one", "```")).toThrow(
      "line 3: a console block that does not begin",
    )
    expect(() => pageOf("```sh", "ovl lab up", "```")).toThrow('line 2: a block of "sh" is neither run nor marked')
    expect(() => pageOf("```", "text", "```")).toThrow("neither run nor marked")
    expect(() => pageOf("```console", "$ one")).toThrow("a block that never ends")
    const marked = pageOf("<!-- not run: it asks -->", "```sh", "ovl network prune", "```")
    expect([marked.steps.length, marked.notRun]).toEqual([0, ["it asks"]])
  })
})

describe("masks", () => {
  test("hide what is volatile, and nothing beside it", () => {
    const said = [
      "2026-11-23T12:38:36.480Z n1 repaired link vxlan1 in 1-2c3be94175",
      "leader      n1, term 2, index 14",
      "kernel      in sync, looked at just now, 0 repairs",
      "kernel      in sync, looked at 12 seconds ago, 0 repairs",
      "2 sent, 2 answered, 0% lost; min/avg/max 0.207/1.23/12.3 ms",
      "1 client      -  0.193",
      "n1 at 192.168.1.1, 10.20.0.0/24, 02:42:0a:41:0a:02, ovl 0.1.0",
      "web   blue   running   277   4 seconds ago",
      "mine   n1   208",
      "n2 leads",
      "      client: { nod: n2 }",
      "                ^^^",
    ]
    expect(masked(said.join("\n")).split("\n")).toEqual([
      "<time> n1 repaired link vxlan1 in 1-<id>",
      "leader  n1, term <raft>, index <raft>",
      "kernel  in sync, looked at <duration>, 0 repairs",
      "kernel  in sync, looked at <duration>, 0 repairs",
      "2 sent, 2 answered, 0% lost; min/avg/max <duration>",
      "1 client  -  <figure>",
      "n1 at 192.168.1.1, 10.20.0.0/24, 02:42:0a:41:0a:02, ovl 0.1.0",
      "web  blue  running  <pid>  <duration>",
      "mine  n1  <daemon>",
      "<leader> leads",
      "  client: { nod: n2 }",
      "                ^^^",
    ])
  })

  test("are all used by the page", () => {
    const shown = masked(SOURCE)
    expect(MASKS.filter(({ name }) => !shown.includes(`<${name}>`))).toEqual([])
  })
})

test("the first day has its commands, and none is marked as not run", () => {
  const { steps, notRun } = parsePage(SOURCE)
  expect(steps.length).toBeGreaterThan(60)
  expect(notRun).toEqual([])
})

describeAsRoot("the first day", () => {
  test(
    "each command says what the page shows",
    async () => {
      expect(differences(await runPage(parsePage(SOURCE)))).toBe("")
    },
    TIMEOUT_MS,
  )
})
