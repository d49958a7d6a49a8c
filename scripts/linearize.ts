/**
 * Says of recorded histories whether they are linearizable: docs/linearizability.md.
 *
 *     bun run scripts/linearize.ts [--explain] [--max-seconds N] [--max-states N] FILE...
 *
 * One line a file, its name and `linearizable`, `not` or `unknown`. The exit status is 0 where every file was decided,
 * whichever way, else 2.
 */
import { readFileSync, statSync } from "node:fs"
import { basename } from "node:path"
import { parseArgs } from "node:util"
import { type Judgement, judge } from "./linearize/judge.ts"

const MAX_SECONDS = 120
const MAX_STATES = 500_000
const HISTORY_MAX_BYTES = 268_435_456

const USAGE = `usage: linearize.ts [--explain] [--max-seconds N] [--max-states N] FILE...
  --explain        for what is not linearizable: how far it is, and the operation that has no place
  --max-seconds N  gives a file up after so long (${MAX_SECONDS})
  --max-states N   gives a file up where so many possibilities would have to be kept at a time (${MAX_STATES})
FILE is the log of a Jepsen register test, or a history of ovl's store as JSON lines.`

interface Settings {
  files: string[]
  explain: boolean
  maxSeconds: number
  maxStates: number
}

class UsageError extends Error {}

function readArguments(argv: string[]): Settings | null {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        explain: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        "max-seconds": { type: "string", default: String(MAX_SECONDS) },
        "max-states": { type: "string", default: String(MAX_STATES) },
      },
    })
    if (values.help) return null
    if (positionals.length === 0) throw new UsageError("no file is given")
    const limit = (name: "max-seconds" | "max-states") => {
      if (!/^\d+$/.test(values[name])) throw new UsageError(`--${name} wants a number, not ${values[name]}`)
      return Number(values[name])
    }
    const limits = { maxSeconds: limit("max-seconds"), maxStates: limit("max-states") }
    return { files: positionals, explain: values.explain, ...limits }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function judgeFile(path: string, settings: Settings): Judgement {
  let text: string
  try {
    if (statSync(path).size > HISTORY_MAX_BYTES) {
      return { verdict: "unknown", reason: [`it is larger than ${HISTORY_MAX_BYTES} bytes`] }
    }
    text = readFileSync(path, "utf8")
  } catch (error) {
    return { verdict: "unknown", reason: [(error as Error).message] }
  }
  const deadline = performance.now() + settings.maxSeconds * 1000
  const limits = { maxStates: settings.maxStates, stop: () => performance.now() >= deadline }
  return judge(text, { limits, explain: settings.explain })
}

/** The last part of the path, as verdicts are usually listed; the whole path where that would be ambiguous. */
function nameOf(path: string, all: string[]): string {
  const name = basename(path)
  return all.some((other) => other !== path && basename(other) === name) ? path : name
}

function main(argv: string[]): number {
  const settings = readArguments(argv)
  if (settings === null) {
    console.log(USAGE)
    return 0
  }
  let status = 0
  for (const path of settings.files) {
    const { verdict, reason } = judgeFile(path, settings)
    console.log(`${nameOf(path, settings.files)} ${verdict}`)
    if (verdict === "unknown") {
      status = 2
      console.error(`linearize: ${path}: ${reason.join("; ")}`)
    } else for (const line of reason) console.log(`  ${line}`)
  }
  return status
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`linearize: ${error.message}\n${USAGE}`)
  process.exitCode = 2
}
