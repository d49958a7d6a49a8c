/**
 * Bounds that are small in a simulated life, so that it meets them: a log of twenty thousand entries is never cut in a life
 * of ten thousand events. `src/base/limits.ts` is loaded with these as variables (`patches.ts`).
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Patch } from "./patches.ts"

export const TUNED = [
  "DELETE_SLICE_KEYS",
  "COMMIT_BATCH_MAX_COMMANDS",
  "RAFT_APPEND_MAX_BYTES",
  "RAFT_INFLIGHT_MAX_MESSAGES",
  "RAFT_APPLY_MAX_BYTES",
  "RAFT_UNCOMMITTED_MAX_BYTES",
  "RAFT_READS_MAX",
  "RAFT_OVERLAY_MAX_ROWS",
  "RAFT_LAZY_APPLY_TICKS",
  "RAFT_LOG_MAX_ENTRIES",
  "RAFT_LOG_KEPT_ENTRIES",
  "RAFT_COMPACT_SLICE_ENTRIES",
  "RAFT_SNAPSHOTS_MAX",
  "RAFT_SNAPSHOT_IDLE_TICKS",
] as const

export type Bounds = Record<(typeof TUNED)[number], number>

const LIMITS = "base/limits.ts"
/** Where the core reads them only once, it is made to read them for each server that starts. */
const READ_ONCE = "const config = { ...DEFAULTS, ...options, ...required }"
const READ_EACH_TIME = `const config = {
    ...DEFAULTS,
    maxBytesPerMessage: RAFT_APPEND_MAX_BYTES,
    maxApplyingBytes: RAFT_APPLY_MAX_BYTES,
    maxUncommittedBytes: RAFT_UNCOMMITTED_MAX_BYTES,
    maxInflightMessages: RAFT_INFLIGHT_MAX_MESSAGES,
    maxReads: RAFT_READS_MAX,
    ...options,
    ...required,
  }`

/** Makes the bounds variables. */
export function tuningPatches(): Patch[] {
  const lines = readFileSync(join(import.meta.dir, "../../src", LIMITS), "utf8")
  const last = lines.trimEnd().split("\n").at(-1)!
  const setters = TUNED.map((name) => `  ${name} = values.${name}`).join("\n")
  return [
    ...TUNED.map((name) => ({ file: LIMITS, find: `export const ${name} =`, replace: `export let ${name} =` })),
    { file: LIMITS, find: last, replace: `${last}\nexport function tune(values) {\n${setters}\n}\n` },
    { file: "raft/config.ts", find: READ_ONCE, replace: READ_EACH_TIME },
  ]
}

/** Sets them for the life that comes. */
export async function boundsSetter(): Promise<(bounds: Bounds) => void> {
  const limits: object = await import("../../src/base/limits.ts")
  const { tune } = limits as { tune?: (bounds: Bounds) => void }
  if (tune === undefined) throw new Error("the limits were loaded before they could be made variables")
  return tune
}
