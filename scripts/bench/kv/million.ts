/** A store with a million keys: the memory its daemon keeps, and how soon it lists their folders. */
import { readFileSync } from "node:fs"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, quantile } from "../statistics.ts"
import { type Measured, OVL_PORT, runProgram, withStore } from "./store.ts"

const SETTLE_MS = 2_000
const GOAL_LISTING_MS = 5
const GOAL_MEGABYTES = 200

function run(context: Context): Promise<Row[]> {
  return withStore(context, { etcd: false }, async (measured) => {
    const fillMs = await runProgram<number>(measured, "fill", OVL_PORT)
    await Bun.sleep(SETTLE_MS)
    const filled = memory(measured)
    const [first = 0, ...later] = await runProgram<number[]>(measured, "folders", OVL_PORT)
    const listed = memory(measured)
    context.say(`bench:   filled in ${(fillMs / 1000).toFixed(1)} s`)
    return [listingRow(first, later), memoryRow(filled, listed, fillMs)]
  })
}

interface Memory {
  /** Heap and stacks. */
  anonymous: number
  /** Pages of files: those of LMDB's data, and the executable's own. */
  file: number
}

/** In MB, 10^6 bytes (proc_pid_status(5)). */
function memory({ node }: Measured): Memory {
  const status = readFileSync(`/proc/${node.daemon!.pid}/status`, "utf8")
  const megabytes = (field: string) =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024) / 1e6
  return { anonymous: megabytes("RssAnon"), file: megabytes("RssFile") }
}

function listingRow(first: number, later: number[]): Row {
  const ms = median(later)
  return {
    what: "store: `keys&separator=/` over 1,000,000 keys in 10 folders",
    ovl: `${ms.toFixed(2)} ms (the first ${first.toFixed(1)})`,
    reference: "-",
    comparison: "-",
    goal: `under ${GOAL_LISTING_MS} ms`,
    reached: ms < GOAL_LISTING_MS,
    figures: { ovlMs: ms, ovlP95Ms: quantile(later, 0.95), firstMs: first },
  }
}

function memoryRow(filled: Memory, listed: Memory, fillMs: number): Row {
  const most = Math.max(filled.anonymous, listed.anonymous)
  return {
    what: "store: the daemon's own memory after 1,000,000 keys of 100 bytes",
    ovl: `${Math.round(most)} MB (and ${Math.round(listed.file)} of files, LMDB's pages)`,
    reference: "-",
    comparison: "-",
    goal: `under ${GOAL_MEGABYTES} MB`,
    reached: most < GOAL_MEGABYTES,
    figures: {
      filledAnonymousMegabytes: filled.anonymous,
      filledFileMegabytes: filled.file,
      listedAnonymousMegabytes: listed.anonymous,
      listedFileMegabytes: listed.file,
      fillMs,
    },
  }
}

export const kvMillion: Benchmark = {
  name: "kv-million",
  summary: "a million keys: their folders listed, and the memory kept",
  run,
}
