/**
 * Torments a cluster of real processes and says whether it kept its promises: docs/chaos.md.
 *
 *     bun scripts/chaos.ts [--seed N] [--runs N] [--servers N] [--seconds N] [--faults A,B] [--store ovl|etcd] ...
 *
 * The exit status is 0 where every run passed, 1 where one did not, 2 for words that are none.
 */
import { parseArgs } from "node:util"
import { EtcdCluster } from "./chaos/etcd-cluster.ts"
import { OvlCluster } from "./chaos/ovl-cluster.ts"
import { FAULTS, type FaultKind, planFaults, roundText } from "./chaos/plan.ts"
import { keepFailure } from "./chaos/results.ts"
import { runChaos } from "./chaos/run.ts"
import { Seeded } from "./chaos/seeded.ts"
import { StreamWatch } from "./chaos/streams.ts"

const USAGE = `usage: chaos.ts [options]
  --seed N         of the plan of faults; chosen and told unless given
  --runs N         so many runs, with this seed and the next ones (1)
  --servers N      members: 1, 3 or 5 (3)
  --entrances N    client nodes whose HTTP is asked too (1)
  --clients N      clients of the keys (18)
  --seconds N      how long the plan of faults takes, about (60)
  --faults A,B     of: ${FAULTS.join(", ")} (all that the store can)
  --store NAME     ovl, or etcd to prove the harness (ovl)
  --keep DIR       keep history and logs there, also of a run that passed
  --plan           only show the plan`

class UsageError extends Error {}

interface Settings {
  seed: number
  runs: number
  servers: number
  entrances: number
  clients: number
  seconds: number
  faults: FaultKind[]
  store: "ovl" | "etcd"
  keep: string | null
  planOnly: boolean
}

function readArguments(argv: string[]): Settings | null {
  const text = (value: string) => ({ type: "string", default: value }) as const
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        seed: text(String(Math.floor(Math.random() * 1_000_000))),
        runs: text("1"),
        servers: text("3"),
        entrances: text("1"),
        clients: text("18"),
        seconds: text("60"),
        faults: { type: "string" },
        store: text("ovl"),
        keep: { type: "string" },
        plan: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    })
    if (values.help) return null
    const number = (name: "seed" | "runs" | "servers" | "entrances" | "clients" | "seconds") => {
      if (!/^\d+$/.test(values[name])) throw new UsageError(`--${name} wants a number, not ${values[name]}`)
      return Number(values[name])
    }
    const { store } = values
    if (store !== "ovl" && store !== "etcd") throw new UsageError(`--store is ovl or etcd, not ${store}`)
    const servers = number("servers")
    if (servers < 1) throw new UsageError("--servers wants one at least")
    return {
      seed: number("seed"),
      runs: number("runs"),
      servers,
      entrances: number("entrances"),
      clients: number("clients"),
      seconds: number("seconds"),
      faults: faultsOf(values.faults?.split(",") ?? faultsFor(store, servers)),
      store,
      keep: values.keep ?? null,
      planOnly: values.plan,
    }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message)
  }
}

function faultsFor(store: "ovl" | "etcd", servers: number): FaultKind[] {
  if (servers === 1) return ["kill", "pause"]
  return FAULTS.filter((fault) => store === "ovl" || (fault !== "replace" && fault !== "flood"))
}

function faultsOf(words: readonly string[]): FaultKind[] {
  return words.map((word) => {
    const found = FAULTS.find((fault) => fault === word)
    if (found === undefined) throw new UsageError(`no fault ${word}: there are ${FAULTS.join(", ")}`)
    return found
  })
}

function planOf({ servers, seconds, faults }: Settings, seed: number) {
  return planFaults(new Seeded(seed).fork("plan"), servers, seconds * 1000, faults)
}

function repetition({ servers, entrances, clients, seconds, faults, store }: Settings, seed: number): string {
  const words = { seed, store, servers, entrances, clients, seconds, faults: faults.join(",") }
  return `bun scripts/chaos.ts ${Object.entries(words)
    .map(([name, value]) => `--${name} ${value}`)
    .join(" ")}`
}

/** Whether it passed. */
async function run(settings: Settings, seed: number): Promise<boolean> {
  const say = (line: string) => console.log(`chaos: seed ${seed}: ${line}`)
  say(`${settings.servers} members of ${settings.store}: starting`)
  const { servers, entrances } = settings
  const ovl = settings.store === "ovl" ? await OvlCluster.start({ servers, clients: entrances }) : null
  const topology = ovl ?? (await EtcdCluster.start(servers))
  try {
    const streams = ovl !== null && entrances > 0 ? new StreamWatch(ovl, new Seeded(seed)) : null
    const rounds = planOf(settings, seed)
    const { clients } = settings
    const result = await runChaos({ topology, seed, rounds, clients, consul: ovl !== null, streams, say })
    say(result.summary)
    for (const [note, count] of result.recorder.notes) say(`  ${count} x ${note}`)
    for (const violation of result.violations) say(`VIOLATION: ${violation}`)
    const passed = result.violations.length === 0
    if (!passed || settings.keep !== null) {
      const rounded = rounds.map(roundText)
      const kept = keepFailure(settings.keep, { seed, result, logs: topology.logs(), plan: rounded })
      say(`history and logs: ${kept}`)
    }
    say(passed ? "passed" : `FAILED; to try the same plan of faults again: ${repetition(settings, seed)}`)
    return passed
  } finally {
    await topology.close()
  }
}

async function main(argv: string[]): Promise<number> {
  const settings = readArguments(argv)
  if (settings === null) {
    console.log(USAGE)
    return 0
  }
  if (settings.planOnly) {
    for (const round of planOf(settings, settings.seed)) console.log(roundText(round))
    return 0
  }
  if (process.getuid?.() !== 0) {
    console.error("chaos: not permitted: it needs root, for network namespaces and packets that are lost in them")
    return 1
  }
  let failed = 0
  for (let number = 0; number < settings.runs; number++) if (!(await run(settings, settings.seed + number))) failed++
  if (settings.runs > 1) console.log(`chaos: ${settings.runs - failed} of ${settings.runs} runs passed`)
  return failed === 0 ? 0 : 1
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error) => {
    console.error(`chaos: ${error instanceof Error ? error.message : error}`)
    if (error instanceof UsageError) console.error(USAGE)
    process.exit(error instanceof UsageError ? 2 : 1)
  },
)
