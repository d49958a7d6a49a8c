/**
 * `ovl __supervise DIR`: the parent of a detached workload's command. It writes what the command prints into the
 * workload's bounded log, leaves its exit status in a file, and tells the daemon; it needs no daemon to do its work.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { WORKLOAD_LOG_MAX_BYTES } from "../../base/limits.ts"
import { processStartTime } from "../../linux/process.ts"
import { BoundedLog } from "./bounded-log.ts"
import { enterCommand, exitStatusOf } from "./enter.ts"
import { writeExit } from "./record.ts"
import type { SupervisorTask } from "./supervisor-start.ts"

/** Runs the task in `dir` to its end; the result is the supervisor's own exit status. */
export async function supervise(dir: string): Promise<number> {
  const task = JSON.parse(readFileSync(join(dir, "start.json"), "utf8")) as SupervisorTask
  const log = new BoundedLog(task.log, WORKLOAD_LOG_MAX_BYTES)
  const { argv, env } = enterCommand(task)
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe", env })
  process.stdout.write(`${child.pid} ${processStartTime(child.pid) ?? 0}\n`)
  const pumps = Promise.allSettled([pump(child.stdout, log), pump(child.stderr, log)])
  await child.exited
  const exitCode = exitStatusOf(child)
  // What it left running may hold the pipes open: the daemon ends that, and only then is the log complete.
  writeExit(dir, exitCode)
  await tellDaemon(task, exitCode)
  await Promise.race([pumps, Bun.sleep(1_000)])
  log.close()
  return 0
}

async function pump(stream: ReadableStream<Uint8Array>, log: BoundedLog): Promise<void> {
  for await (const chunk of stream) log.append(chunk)
}

/** Best effort: a daemon that is away finds the exit file when it comes back. */
async function tellDaemon(task: SupervisorTask, exitCode: number): Promise<void> {
  try {
    await fetch(`http://localhost/api/v1/workloads/${encodeURIComponent(task.enter.name)}/ended`, {
      unix: task.socket,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ exitCode }),
    })
  } catch {
    // No daemon: its next start reads the exit file.
  }
}
