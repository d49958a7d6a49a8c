/** The nodes' daemons: real processes, each inside its host, known by pid and start time. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawn } from "node:child_process"
import { type Client, createClient } from "../client/client.ts"
import { OvlError } from "../base/errors.ts"
import { LAB_READY_TIMEOUT_MS, LAB_STOP_TIMEOUT_MS } from "../base/limits.ts"
import { kill } from "../linux/libc.ts"
import { processStartTime } from "../linux/process.ts"
import { selfCommand } from "../linux/self.ts"
import { HOST_RUN_DIR, type LabPlaces } from "./places.ts"

const SIGTERM = 15
const SIGKILL = 9

/** The pid of a host's daemon, if it runs. */
export function daemonPid(places: LabPlaces, host: string): number | null {
  let text: string
  try {
    text = readFileSync(places.pidFile(host), "utf8")
  } catch {
    return null
  }
  const [pid, began] = text.trim().split(" ")
  return pid && processStartTime(Number(pid)) === began ? Number(pid) : null
}

/** Starts `ovl <args>` inside the host, in a session of its own; its words go to the host's log. */
export function startDaemon(places: LabPlaces, host: string, args: string[], env: Record<string, string>): number {
  const log = openSync(places.nodeLog(host), "a", 0o600)
  try {
    const [file = "", ...rest] = selfCommand(["__lab-exec", places.lab, host, ...selfCommand(args)])
    const child = spawn(file, rest, {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
      env: { PATH: process.env.PATH ?? "", ...env },
    })
    child.unref()
    const pid = child.pid
    if (pid === undefined) throw new OvlError("lab_daemon_failed", `cannot start the daemon of ${host}`)
    writeFileSync(places.pidFile(host), `${pid} ${processStartTime(pid)}\n`, { mode: 0o600 })
    return pid
  } finally {
    closeSync(log)
  }
}

/** A client of the host's daemon, over its socket, which only its own mount namespace has. */
export function clientOf(places: LabPlaces, host: string): Client {
  const pid = daemonPid(places, host)
  if (pid === null)
    throw new OvlError("lab_node_down", `the daemon of ${host} does not run`, {
      kind: "unavailable",
      hint: "`ovl lab up` starts it again",
    })
  return createClient({ socket: `/proc/${pid}/root${HOST_RUN_DIR}/ovl.sock` })
}

/** Resolves when the daemon answers; rejects with the end of its log when it ends or LAB_READY_TIMEOUT_MS pass. */
export async function daemonReady(places: LabPlaces, host: string): Promise<Client> {
  const until = performance.now() + LAB_READY_TIMEOUT_MS
  while (performance.now() < until && daemonPid(places, host) !== null) {
    try {
      const client = clientOf(places, host)
      await client.status()
      return client
    } catch (error) {
      if (!(error instanceof OvlError) || error.kind !== "unavailable") throw error
      await Bun.sleep(10)
    }
  }
  const tail = readFileSync(places.nodeLog(host), "utf8").trim().split("\n").slice(-3).join(" | ")
  throw new OvlError("lab_node_failed", `the daemon of ${host} did not become ready: ${tail}`, {
    hint: `see ${places.nodeLog(host)}`,
  })
}

/** Ends a daemon: SIGTERM, and SIGKILL when it takes too long. */
export async function stopDaemon(places: LabPlaces, host: string): Promise<void> {
  const pid = daemonPid(places, host)
  if (pid !== null) {
    kill(pid, SIGTERM)
    const until = performance.now() + LAB_STOP_TIMEOUT_MS
    while (daemonPid(places, host) !== null && performance.now() < until) await Bun.sleep(5)
    if (daemonPid(places, host) !== null) kill(pid, SIGKILL)
  }
  rmSync(places.pidFile(host), { force: true })
}
