/**
 * `ovl down`: removes all that ovl put into this host, daemon alive or not. The cluster is not asked: it still knows the
 * node, whose next start frees what is gone and restores attached namespaces that are still there.
 */
import { rmdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { CATALOG_CACHE_FILE, WITHDRAWALS_FILE } from "../agent/files.ts"
import { runningDaemon } from "../agent/lock.ts"
import { dataDirFile, kernelStateFile, socketPath } from "../agent/run-dir.ts"
import { processesIn } from "../linux/namespace-processes.ts"
import { deleteRecord, loadRecords } from "../agent/workload/record.ts"
import { OvlError } from "../base/errors.ts"
import { RETIRED_STORE, retireStore } from "./retire.ts"
import { DAEMON_STOP_TIMEOUT_MS } from "../base/limits.ts"
import { LinuxKernel } from "../kernel/linux.ts"
import type { Kernel } from "../kernel/port.ts"
import { kill } from "../linux/libc.ts"
import { deleteNamespace } from "../linux/namespaces.ts"
import { pidAlive } from "../linux/process.ts"

const SIGTERM = 15
const SIGKILL = 9

export interface TakeDownOptions {
  runDir: string
  dataDir: string
  /** The data too. */
  all: boolean
  progress: (step: string) => void
}

/** Idempotent. Errors: daemon_unstoppable, and those of the kernel. */
export async function takeDown(options: TakeDownOptions): Promise<void> {
  const { runDir, dataDir, progress } = options
  await stopDaemon(runDir, progress)
  const kernel = new LinuxKernel({ stateFile: kernelStateFile(runDir) })
  try {
    progress("workloads and kernel")
    empty(runDir, kernel)
  } finally {
    kernel.close()
  }
  if (!options.all) return
  rmSync(join(dataDir, RETIRED_STORE), { recursive: true, force: true })
  forgetData(dataDir)
}

/**
 * What `leave` does when the cluster has agreed: as `down --all`, from inside the daemon that is ending, but that a
 * server's store is set aside.
 */
export function forgetNode(options: { runDir: string; dataDir: string; kernel: Kernel }): void {
  empty(options.runDir, options.kernel)
  retireStore(options.dataDir)
  forgetData(options.dataDir)
}

/** Takes away workloads, what carries ovl's mark in the kernel, and the run directory's files; a line for each that was there. */
export function empty(runDir: string, kernel: Kernel): string[] {
  const removed: string[] = []
  for (const record of loadRecords(runDir)) {
    for (const pid of processesIn(record.netns)) kill(pid, SIGKILL)
    deleteNamespace(record.netns)
    deleteRecord(runDir, record.name)
    removed.push(`workload ${record.name}`)
  }
  removed.push(...kernel.purge())
  rmSync(join(runDir, "workloads"), { recursive: true, force: true })
  const own = [socketPath(runDir), kernelStateFile(runDir), dataDirFile(runDir)]
  for (const path of [...own, join(runDir, "ovl.pid"), join(runDir, "tmp")])
    rmSync(path, { recursive: true, force: true })
  removeIfEmpty(runDir)
  return removed
}

/** Only what ovl made there: a directory that holds anything else stays, with that. */
function forgetData(dataDir: string): void {
  for (const name of ["node.json", "store", "tmp", CATALOG_CACHE_FILE, WITHDRAWALS_FILE])
    rmSync(join(dataDir, name), { recursive: true, force: true })
  removeIfEmpty(dataDir)
}

/** One that holds something else stays, and so does one that a file system is mounted on: that is not ovl's doing. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException
    if (!["ENOENT", "ENOTEMPTY", "EBUSY", "EROFS"].includes(code)) throw error
  }
}

async function stopDaemon(runDir: string, progress: (step: string) => void): Promise<void> {
  const pid = runningDaemon(runDir)
  if (pid === null) return
  progress(`daemon ${pid}`)
  kill(pid, SIGTERM)
  if (await gone(pid)) return
  kill(pid, SIGKILL)
  if (await gone(pid)) return
  throw new OvlError("daemon_unstoppable", `cannot stop the daemon: process ${pid} does not end`)
}

async function gone(pid: number): Promise<boolean> {
  const until = performance.now() + DAEMON_STOP_TIMEOUT_MS
  while (performance.now() < until) {
    if (!pidAlive(pid)) return true
    await Bun.sleep(10)
  }
  return false
}
