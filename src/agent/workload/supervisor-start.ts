/** The daemon's side of the supervisor: starts it, and learns from it which process the command has become. */
import { closeSync, openSync } from "node:fs"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { OvlError } from "../../base/errors.ts"
import type { EnterSpec } from "../../model/workload.ts"
import { writeFileAtomic } from "../files.ts"
import type { EnterTask } from "./enter.ts"
import { WorkloadPaths, type WorkloadRecord } from "./record.ts"
import { selfCommand } from "../../linux/self.ts"

/** What the supervisor reads: `start.json` in the workload's folder. */
export interface SupervisorTask extends EnterTask {
  log: string
  socket: string
}

/**
 * Starts the supervisor in a session of its own, holding nothing of the caller's, and resolves with the command's
 * process. Throws `supervisor_failed`.
 */
export async function startSupervisor(
  runDir: string,
  record: WorkloadRecord,
  enter: EnterSpec,
): Promise<{ pid: number; startTime: number }> {
  const paths = new WorkloadPaths(runDir, record.name)
  const task: SupervisorTask = {
    enter,
    command: record.command,
    cwd: record.cwd,
    log: paths.log,
    socket: `${runDir}/ovl.sock`,
  }
  writeFileAtomic(`${paths.dir}/start.json`, JSON.stringify(task), 0o600)
  const [file = "", ...args] = selfCommand(["__supervise", paths.dir])
  // What the supervisor itself has to complain about goes to the workload's log too.
  const log = openSync(paths.log, "a", 0o600)
  const child = spawn(file, args, { detached: true, stdio: ["ignore", "pipe", log], cwd: "/" })
  closeSync(log)
  child.unref()
  const lines = createInterface({ input: child.stdout! })
  const first = await new Promise<string | null>((resolve) => {
    lines.once("line", resolve)
    lines.once("close", () => resolve(null))
    child.once("error", () => resolve(null))
  })
  lines.close()
  child.stdout?.destroy()
  const [pid, startTime] = first?.split(" ") ?? []
  if (!pid || !startTime)
    throw new OvlError("supervisor_failed", `cannot run ${record.name}: its supervisor did not start the command`, {
      hint: `see ${paths.log}`,
    })
  return { pid: Number(pid), startTime: Number(startTime) }
}
