/** What is kept of a run: the history, what the nodes said, the plan and the violations. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { RunResult } from "./run.ts"

/** `make clean` removes it. */
const DIRECTORY = resolve(import.meta.dir, "../../dist/chaos")

export interface Kept {
  seed: number
  result: RunResult
  logs: ReadonlyMap<string, string>
  plan: readonly string[]
}

/** Below `directory`, or in `dist/chaos`, in place of what was kept of that seed before; returns where. */
export function keepFailure(directory: string | null, { seed, result, logs, plan }: Kept): string {
  const place = join(directory ?? DIRECTORY, `seed-${seed}`)
  mkdirSync(place, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(place, name), text)
  write("history.jsonl", result.recorder.text())
  write("stale.jsonl", lines(result.recorder.stale))
  write("locks.jsonl", lines(result.locks))
  write("plan.txt", `${plan.join("\n")}\n`)
  write("violations.txt", `${result.violations.join("\n")}\n`)
  for (const [name, log] of logs) write(`${name}.log`, log)
  return place
}

function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("")
}
