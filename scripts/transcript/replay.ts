/** Replays one file and says where it first differs from what is expected. */
import { CONFCHANGE_COMMANDS, confchangeReplay } from "./confchange.ts"
import { type Case, FormatError, parseCases } from "./datadriven.ts"
import { interactionReplay } from "./interaction.ts"
import { QUORUM_COMMANDS, quorumReplay } from "./quorum.ts"

/** Undefined when everything is as expected; else in one line what is not. */
export function replay(text: string): string | undefined {
  let line = 0
  try {
    const cases = parseCases(text)
    if (cases.length === 0) return "there is nothing in it"
    const run = replayFor(cases[0]!.command)
    for (const test of cases) {
      line = test.line
      const difference = compare(test.expected, run(test))
      if (difference !== undefined) return `line ${line}: ${test.command}: ${difference}`
    }
    return undefined
  } catch (error) {
    if (error instanceof FormatError) return `line ${error.line}: ${error.message}`
    return `line ${line}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
  }
}

/** What kind of conversation a file holds shows in its first command. */
function replayFor(command: string): (test: Case) => string {
  if (QUORUM_COMMANDS.includes(command)) return quorumReplay
  return CONFCHANGE_COMMANDS.includes(command) ? confchangeReplay() : interactionReplay()
}

/** The first line that differs; log messages do not count, and where nothing else is printed stands `ok`. */
export function compare(expected: string, actual: string): string | undefined {
  const want = withoutLog(expected)
  const have = withoutLog(actual)
  for (let i = 0; i < Math.max(want.length, have.length); i++) {
    if (want[i] === have[i]) continue
    return `expected ${show(want[i])} but got ${show(have[i])}`
  }
  return undefined
}

function withoutLog(text: string): string[] {
  const lines = text.replace(/\n+$/, "").split("\n")
  const kept = lines.filter((line) => !/^\s*(?:DEBUG|INFO|WARN) /.test(line))
  return kept.length === 0 ? ["ok"] : kept
}

function show(line: string | undefined): string {
  return line === undefined ? "no more" : JSON.stringify(line)
}
