/** Conversations of etcd's Raft library, replayed; and what the replay itself must notice. */
import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { parseCases, parseDirective } from "../../scripts/transcript/datadriven.ts"
import { compare, replay } from "../../scripts/transcript/replay.ts"
import { transcriptFiles, transcripts } from "../../scripts/transcript.ts"

const ROOT = join(import.meta.dir, "..", "..")
const DATA = process.env.OVL_CONFORMANCE ?? join(dirname(ROOT), "shared", "conformance")
const RAFT = join(DATA, "raft")

const files = existsSync(RAFT) ? transcriptFiles(RAFT) : []
if (files.length === 0) console.warn(`skipped: no conformance data in ${RAFT}`)

describe.skipIf(files.length === 0)("etcd's transcripts", () => {
  test.each(files.map((file) => [join(basename(dirname(file)), basename(file)), file]))("%s", (_, file) => {
    expect(replay(readFileSync(file, "utf8"))).toBeUndefined()
  })
})

describe("the format", () => {
  test("has commands with arguments, input and output", () => {
    const text =
      "# a comment\n\ncmd 1 a=2 b=(3, 4) \\\n  c\nin\nput\n----\nout\nput\n\n" +
      "other\n----\n----\nwith\n\nblank\n----\n----\n"
    expect(parseCases(text)).toEqual([
      {
        line: 3,
        command: "cmd",
        args: [
          { key: "1", values: [] },
          { key: "a", values: ["2"] },
          { key: "b", values: ["3", "4"] },
          { key: "c", values: [] },
        ],
        input: "in\nput",
        expected: "out\nput",
      },
      { line: 11, command: "other", args: [], input: "", expected: "with\n\nblank" },
    ])
  })

  test("may have parentheses in values", () => {
    expect(parseDirective("c x=(f(a, b), d) y=()", 1).args).toEqual([
      { key: "x", values: ["f(a, b)", "d"] },
      { key: "y", values: [""] },
    ])
    expect(() => parseDirective("c x=(a", 1)).toThrow("not closed")
    expect(() => parseCases("cmd\n")).toThrow("no ----")
  })

  test("does not compare log messages", () => {
    expect(compare("INFO x\nstate\n  DEBUG y", "state\n")).toBeUndefined()
    expect(compare("INFO x", "ok")).toBeUndefined()
    expect(compare("ok", "")).toBe('expected "ok" but got ""')
    expect(compare("a\nb", "a\nc")).toBe('expected "b" but got "c"')
    expect(compare("a", "a\nb")).toBe('expected no more but got "b"')
    expect(compare("ERROR x", "ok")).toContain("ERROR")
  })
})

const START = "add-nodes 1 voters=(1) index=2\n----\nok\n\n"

describe("a replay", () => {
  test("shows what a conversation does", () => {
    const rest =
      "campaign 1\n----\nok\n\nstabilize log-level=none\n----\nok\n\n" +
      "raft-state\n----\n1: StateLeader (Voter) Term:1 Lead:1\n"
    expect(replay(START + rest)).toBeUndefined()
  })

  test.each([
    ["raft-state\n----\n1: StateLeader (Voter) Term:1 Lead:1\n", "line 5: raft-state: expected"],
    ["dance 1\n----\nok\n", "line 5: unknown command dance"],
    ["campaign\n----\nok\n", "line 5: campaign: the server is missing"],
    ["campaign 7\n----\nok\n", "there is no server 7"],
    ["campaign x\n----\nok\n", "x is not a number"],
    ["add-nodes 1 colour=red\n----\nok\n", "unknown argument colour"],
    ["compact 1 9\n----\nok\n", "AssertionError"],
    ["propose 1 x\n----\nok\n", 'expected "ok" but got "raft proposal dropped"'],
  ])("that goes wrong says where: %j", (rest, why) => {
    expect(replay(START + rest)).toContain(why)
  })

  test("of quorums and of configurations notices a difference", () => {
    expect(replay("vote cfg=(1,2) votes=(y,_)\n----\nVoteWon\n")).toContain('got "VotePending"')
    expect(replay("vote cfg=(1,2) votes=(y)\n----\nVoteWon\n")).toContain("mismatched input")
    expect(replay("vote cfg=(1) votes=(maybe)\n----\nVoteWon\n")).toContain("unknown vote")
    expect(replay("committed cfg=(1) idx=(5)\n----\n     idx\n>      5    (id=1)\n6\n")).toContain('got "5"')
    expect(replay("simple\nv1\n----\nvoters=(2)\n")).toContain('got "voters=(1)"')
    expect(replay("")).toBe("there is nothing in it")
  })

  test("of nothing at all is no success", () => {
    const lines: string[] = []
    expect(transcripts([join(import.meta.dir, "..", "support")], (line) => lines.push(line))).toBe(false)
    expect(lines).toEqual(["no transcripts found"])
  })
})
