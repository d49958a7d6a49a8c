/**
 * Cuts the power of running servers at hundreds of moments, and says whether what is on their disks then is all that they
 * had promised, and makes sense: docs/power-cuts.md.
 *
 *     bun scripts/powercut.ts [--seed N] [--images N] [--clients N] [--operations N] [--run NAME,NAME]
 *
 * The exit status is 0 where every run went as it must: `alone` and `pair` sound throughout, and the lies found out.
 */
import { parseArgs } from "node:util"
import { judge, type Summary, type Verdict } from "./powercut/judge.ts"
import { type RecordingOptions, record } from "./powercut/recording.ts"

type RunOptions = Pick<RecordingOptions, "servers" | "restart" | "flush"> & {
  /** Verdicts of which there must be one at least; none: there must be none but `sound` and `unborn`. */
  convicted: readonly Verdict[]
  /** Of the images that were asked for. */
  share: number
}

/** A server with an honest disk, two of them, and the disks that lie. */
const RUNS: Readonly<Record<string, RunOptions>> = {
  alone: { servers: 1, restart: true, flush: "honest", convicted: [], share: 1 },
  pair: { servers: 2, restart: true, flush: "honest", convicted: [], share: 1 },
  late: { servers: 1, restart: false, flush: "late", convicted: ["lost"], share: 0.25 },
  never: { servers: 1, restart: false, flush: "never", convicted: ["lost", "refused", "deadly"], share: 0.25 },
}
const TOLERATED: readonly Verdict[] = ["sound", "unborn"]

interface Settings {
  seed: number
  images: number
  clients: number
  operations: number
  runs: string[]
}

function readArguments(args: string[]): Settings {
  const text = (value: string) => ({ type: "string", default: value }) as const
  const seed = text(String(Math.floor(Math.random() * 1_000_000)))
  const { values } = parseArgs({
    args,
    options: { seed, images: text("300"), clients: text("24"), operations: text("90"), run: text("") },
  })
  const number = (name: "seed" | "images" | "clients" | "operations"): number => {
    if (!/^\d+$/.test(values[name])) throw new Error(`--${name} wants a number, not ${values[name]}`)
    return Number(values[name])
  }
  const runs = values.run === "" ? Object.keys(RUNS) : values.run.split(",")
  const unknown = runs.find((name) => !(name in RUNS))
  if (unknown !== undefined) throw new Error(`no run ${unknown}: there are ${Object.keys(RUNS).join(", ")}`)
  const [images, clients, operations] = [number("images"), number("clients"), number("operations")]
  return { seed: number("seed"), images, clients, operations, runs }
}

/** Whether it went as it must. */
async function run(name: string, { seed, images, clients, operations }: Settings): Promise<boolean> {
  const { servers, restart, flush, convicted, share } = RUNS[name]!
  const say = (line: string): void => console.log(`powercut: ${name}: ${line}`)
  const recording = await record({ seed, servers, clients, operations, restart, flush })
  say(`seed ${seed}: ${recording.operations} operations, ${recording.events.length} events recorded`)
  const summary = await judge(recording, Math.ceil(images * share), seed)
  say(`${summary.images} images: ${verdictsText(summary)}; of writes not flushed ${lossesText(summary)}`)
  say(`${summary.logs} different logs, ${summary.states} different states`)
  for (const example of summary.examples) say(example.slice(0, 400))
  const isRight = convicted.length > 0 ? isConvicted(summary, convicted) : isSound(summary)
  const wanted = convicted.length > 0 ? `a lie that must be found out (${convicted.join(" or ")})` : "it must be sound"
  say(isRight ? "as it must be" : `FAILED: ${wanted}`)
  return isRight
}

function isSound({ verdicts }: Summary): boolean {
  return (Object.keys(verdicts) as Verdict[]).every((name) => verdicts[name] === 0 || TOLERATED.includes(name))
}

function isConvicted({ verdicts }: Summary, convicted: readonly Verdict[]): boolean {
  return convicted.some((name) => verdicts[name] > 0)
}

function verdictsText({ verdicts }: Summary): string {
  const told = Object.entries(verdicts).filter(([, count]) => count > 0)
  return told.map(([name, count]) => `${count} ${name}`).join(", ")
}

function lossesText({ losses: { kept, dropped, torn } }: Summary): string {
  return `${kept} kept, ${dropped} dropped, ${torn} torn`
}

async function main(args: string[]): Promise<number> {
  if (process.getuid?.() !== 0) throw new Error("not permitted: it needs root, for the daemons' namespaces")
  const settings = readArguments(args)
  let failed = 0
  for (const name of settings.runs) if (!(await run(name, settings))) failed++
  console.log(`powercut: ${settings.runs.length - failed} of ${settings.runs.length} runs went as they must`)
  return failed === 0 ? 0 : 1
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: Error) => {
    console.error(`powercut: ${error.message}`)
    process.exit(2)
  },
)
