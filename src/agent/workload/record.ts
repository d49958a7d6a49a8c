/**
 * What this node remembers of a workload that `run` made: one folder below `<run-dir>/workloads`, so that it outlives
 * the daemon and goes with the reboot, as the workload itself does.
 *
 *     <run-dir>/workloads/<name>/workload.json   the record below
 *     <run-dir>/workloads/<name>/hosts ...       bound over /etc/hosts and its like inside
 *     <run-dir>/workloads/<name>/exit.json       left by the supervisor: how the command ended
 *     <run-dir>/workloads/<name>.log             what the command printed, bounded
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { portMappingSchema } from "../../model/port-mapping.ts"
import { readIfThere, writeFileAtomic } from "../files.ts"

const recordSchema = z.object({
  id: z.string(),
  name: z.string(),
  hostname: z.string(),
  command: z.array(z.string()),
  env: z.array(z.string()),
  cwd: z.string(),
  networks: z.array(z.object({ id: z.string(), name: z.string() })),
  ports: z.array(portMappingSchema).default([]),
  netns: z.string(),
  status: z.enum(["running", "exited"]),
  /** Whose end is the workload's, and when it began (clock ticks since boot): a pid that was given out again is not it. */
  process: z.object({ pid: z.int(), startTime: z.int() }).nullable(),
  exitCode: z.int().nullable(),
  /** Ends with the command that the caller runs in the foreground, and leaves no record. */
  foreground: z.boolean(),
  created: z.string(),
})
export type WorkloadRecord = z.infer<typeof recordSchema>

const exitSchema = z.object({ exitCode: z.int() })

/** Where the parts of one workload are. */
export class WorkloadPaths {
  readonly dir: string
  readonly log: string

  constructor(runDir: string, name: string) {
    this.dir = join(runDir, "workloads", name)
    this.log = join(runDir, "workloads", `${name}.log`)
  }

  get record(): string {
    return join(this.dir, "workload.json")
  }
  get hosts(): string {
    return join(this.dir, "hosts")
  }
  get hostnameFile(): string {
    return join(this.dir, "hostname")
  }
  get resolvConf(): string {
    return join(this.dir, "resolv.conf")
  }
  get exit(): string {
    return join(this.dir, "exit.json")
  }
}

export function saveRecord(runDir: string, record: WorkloadRecord): void {
  const paths = new WorkloadPaths(runDir, record.name)
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 })
  writeFileAtomic(paths.record, JSON.stringify(record), 0o600)
}

/** Every record below `runDir`; one that cannot be read (a crash half-way through its making) is removed. */
export function loadRecords(runDir: string): WorkloadRecord[] {
  const root = join(runDir, "workloads")
  if (!existsSync(root)) return []
  const records: WorkloadRecord[] = []
  for (const name of readdirSync(root)) {
    if (!statSync(join(root, name)).isDirectory()) continue
    const parsed = recordSchema.safeParse(parse(readIfThere(new WorkloadPaths(runDir, name).record)))
    if (parsed.success) records.push(parsed.data)
    else deleteRecord(runDir, name)
  }
  return records
}

export function deleteRecord(runDir: string, name: string): void {
  const paths = new WorkloadPaths(runDir, name)
  rmSync(paths.dir, { recursive: true, force: true })
  rmSync(paths.log, { force: true })
}

/** How the supervisor says the command ended; null while it has not said so. */
export function readExit(runDir: string, name: string): number | null {
  const parsed = exitSchema.safeParse(parse(readIfThere(new WorkloadPaths(runDir, name).exit)))
  return parsed.success ? parsed.data.exitCode : null
}

export function writeExit(dir: string, exitCode: number): void {
  writeFileAtomic(join(dir, "exit.json"), JSON.stringify({ exitCode }), 0o600)
}

function parse(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}
