/**
 * The benchmarks: every figure that was promised, beside its reference measured in the same run.
 *
 *     bun scripts/bench.ts [NAME...] [--json] [--profile] [--long] [--write-readme]
 *
 * Without a name, all of them. Goals are shown as reached or missed, and the exit status is 0 in both cases: it is 1
 * only where something could not be measured. A further benchmark is a file in scripts/bench/ and a line below.
 */
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { attach } from "./bench/attach.ts"
import type { Benchmark, Context, Row } from "./bench/benchmark.ts"
import { daemon } from "./bench/daemon.ts"
import { dns } from "./bench/dns.ts"
import { firstPing } from "./bench/first-ping.ts"
import { kvGet } from "./bench/kv/get.ts"
import { kvLatency } from "./bench/kv/latency.ts"
import { kvMillion } from "./bench/kv/million.ts"
import { kvPut } from "./bench/kv/put.ts"
import { kvWatchers } from "./bench/kv/watchers.ts"
import { lab } from "./bench/lab.ts"
import { peers } from "./bench/peers.ts"
import { ports } from "./bench/ports.ts"
import { replicatedAlone } from "./bench/replicated/alone.ts"
import { replicatedCalm } from "./bench/replicated/calm.ts"
import { replicatedCatchUp } from "./bench/replicated/catch-up.ts"
import { replicatedDark } from "./bench/replicated/dark.ts"
import { replicatedFailover } from "./bench/replicated/failover.ts"
import { replicatedFollowers } from "./bench/replicated/followers.ts"
import { replicatedGet } from "./bench/replicated/get.ts"
import { replicatedPut } from "./bench/replicated/put.ts"
import { describeHost, textTable, thisHost, writeReadme } from "./bench/report.ts"
import { scaleHost } from "./bench/scale/host.ts"
import { scaleJoin } from "./bench/scale/join.ts"
import { throughput } from "./bench/throughput.ts"

const ROOT = resolve(import.meta.dir, "..")
const OVERLAY = [attach, peers, throughput, ports, firstPing, lab, daemon, dns]
const SCALE = [scaleHost, scaleJoin]
const STORE = [kvPut, kvGet, kvLatency, kvWatchers, kvMillion]
const REPLICATED = [
  replicatedPut,
  replicatedAlone,
  replicatedGet,
  replicatedFailover,
  replicatedCalm,
  replicatedCatchUp,
  replicatedFollowers,
  replicatedDark,
]
const BENCHMARKS: Benchmark[] = [...OVERLAY, ...SCALE, ...STORE, ...REPLICATED]

const USAGE = `usage: bench.ts [NAME...] [--json] [--profile] [--long] [--write-readme]
  --json          one JSON document on stdout
  --profile       also where the time and memory go, where a benchmark can tell
  --long          as long as promised: 50 failovers, 10 minutes of load, 60 s without servers
  --write-readme  puts the table into README.md
${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(20)}  ${summary}`).join("\n")}`

class UsageError extends Error {}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      args: process.argv.slice(2),
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        long: { type: "boolean", default: false },
        "write-readme": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    })
    const unknown = positionals.filter((name) => !BENCHMARKS.some((each) => each.name === name))
    if (unknown.length > 0) throw new UsageError(`no benchmark ${unknown.join(", ")}`)
    const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
    if (values["write-readme"] && chosen.length < BENCHMARKS.length)
      throw new UsageError("--write-readme wants all benchmarks, so that the table is one run")
    return { ...values, chosen }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message)
  }
}

async function runAll(
  chosen: readonly Benchmark[],
  options: Pick<Context, "profile" | "long">,
): Promise<{ rows: Row[]; failed: string[] }> {
  const rows: Row[] = []
  const failed: string[] = []
  const context: Context = { ...options, say: (line) => console.error(line) }
  for (const { name, summary, run } of chosen) {
    console.error(`bench: ${name}: ${summary}`)
    try {
      rows.push(...(await run(context)))
    } catch (error) {
      failed.push(name)
      console.error(`bench: ${name}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return { rows, failed }
}

async function main(): Promise<number> {
  const { chosen, help, json, profile, long, ...options } = readArguments()
  if (help) {
    console.log(USAGE)
    return 0
  }
  if (process.getuid?.() !== 0) {
    console.error("bench: not permitted: it needs root, for network namespaces and links\nhint: sudo make bench")
    return 1
  }
  if (!existsSync(join(ROOT, "dist/ovl"))) {
    console.error("bench: dist/ovl is missing\nhint: make build")
    return 1
  }
  const { rows, failed } = await runAll(chosen, { profile, long })
  const host = thisHost()
  const date = new Date().toISOString().slice(0, 10)
  if (json) console.log(JSON.stringify({ date, host, rows, failed }, null, 2))
  else console.log(`${textTable(rows)}\n\n${describeHost(host)}`)
  if (options["write-readme"] && failed.length === 0) writeReadme(join(ROOT, "README.md"), rows, host, date)
  return failed.length === 0 ? 0 : 1
}

main().then(
  (status) => process.exit(status),
  (error) => {
    console.error(`bench: ${error instanceof Error ? error.message : error}`)
    if (error instanceof UsageError) console.error(USAGE)
    process.exit(error instanceof UsageError ? 2 : 1)
  },
)
