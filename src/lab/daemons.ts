/** The nodes' daemons: real processes, each inside its host, known by pid and start time. */
import { spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { LAB_LOG_MAX_BYTES, LAB_POLL_MS, LAB_READY_TIMEOUT_MS, LAB_STOP_TIMEOUT_MS } from "../base/limits.ts"
import { type Client, createClient } from "../client/client.ts"
import { kill } from "../linux/libc.ts"
import { pidAlive, processStartTime } from "../linux/process.ts"
import { selfCommand } from "../linux/self.ts"
import { HOST_RUN_DIR, type LabPlaces } from "./places.ts"
import { processesOnHost } from "./processes.ts"

const SIGTERM = 15
const SIGKILL = 9

/** The pid of a host's daemon, if it runs. */
export function daemonPid(places: LabPlaces, host: string): number | null {
  const text = readOrNull(places.pidFile(host))
  if (text === null) return null
  const [pid = 0, began = 0] = text.trim().split(" ").map(Number)
  return pid > 0 && pidAlive(pid, began) ? pid : null
}

/** As `daemonPid`, and takes up a daemon that was started without being written down, by hand or by a cut-off `up`. */
export function findDaemon(places: LabPlaces, host: string): number | null {
  const known = daemonPid(places, host)
  if (known !== null) return known
  const pid = processesOnHost(places, host).find(
    (each) => readOrNull(`/proc/${each}/root${HOST_RUN_DIR}/ovl.pid`)?.trim() === String(each),
  )
  if (pid === undefined) return null
  rememberDaemon(places, host, pid)
  return pid
}

function rememberDaemon(places: LabPlaces, host: string, pid: number): void {
  writeFileSync(places.pidFile(host), `${pid} ${processStartTime(pid)}\n`, { mode: 0o600 })
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return null
  }
}

/** What a program of the lab's own needs of the caller's environment, and no more. */
export function plainEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" }
}

/** Starts `ovl <args>` inside the host, in a session of its own; its words go to the host's log. */
export function startDaemon(places: LabPlaces, host: string, args: string[], env: Record<string, string>): void {
  const path = places.nodeLog(host)
  if (existsSync(path) && statSync(path).size > LAB_LOG_MAX_BYTES) truncateSync(path)
  const log = openSync(path, "a", 0o600)
  try {
    const [file = "", ...rest] = selfCommand(["__lab-exec", places.lab, host, "ovl", ...args])
    const child = spawn(file, rest, {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
      env: { ...plainEnvironment(), ...env },
    })
    child.unref()
    if (child.pid === undefined) throw new OvlError("lab_node_failed", `cannot start the daemon of ${host}`)
    rememberDaemon(places, host, child.pid)
  } finally {
    closeSync(log)
  }
}

/** A path inside a host's mounts, as seen from here, through its daemon. Errors: lab_node_down. */
export function insideHost(places: LabPlaces, host: string, path: string): string {
  const pid = daemonPid(places, host)
  if (pid !== null) return `/proc/${pid}/root${path}`
  throw new OvlError("lab_node_down", `the daemon of ${host} does not run`, {
    kind: "unavailable",
    hint: "`ovl lab up` starts it again",
  })
}

/** A client of the host's daemon, over its socket, which only its own mounts have. Errors: lab_node_down. */
export function clientOf(places: LabPlaces, host: string): Client {
  return createClient({ socket: insideHost(places, host, `${HOST_RUN_DIR}/ovl.sock`) })
}

/** Resolves when the daemon answers. Errors: lab_node_failed, with the end of its log, when it ends or is too slow. */
export async function daemonReady(places: LabPlaces, host: string): Promise<Client> {
  const until = performance.now() + LAB_READY_TIMEOUT_MS
  while (performance.now() < until && daemonPid(places, host) !== null) {
    try {
      const client = clientOf(places, host)
      await client.status()
      return client
    } catch (error) {
      if (!(error instanceof OvlError) || error.kind !== "unavailable") throw error
      await Bun.sleep(LAB_POLL_MS)
    }
  }
  const why = daemonPid(places, host) === null ? "it ended" : "it does not answer"
  const tail = (readOrNull(places.nodeLog(host)) ?? "").trim().split("\n").slice(-3).join(" | ")
  throw new OvlError("lab_node_failed", `the daemon of ${host} did not become ready: ${why}: ${tail}`, {
    hint: `see ${places.nodeLog(host)}`,
  })
}

/** Ends a daemon: SIGTERM, and SIGKILL when it takes too long. */
export async function stopDaemon(places: LabPlaces, host: string): Promise<void> {
  const pid = findDaemon(places, host)
  if (pid !== null) {
    kill(pid, SIGTERM)
    const until = performance.now() + LAB_STOP_TIMEOUT_MS
    while (daemonPid(places, host) !== null && performance.now() < until) await Bun.sleep(LAB_POLL_MS)
    if (daemonPid(places, host) !== null) kill(pid, SIGKILL)
  }
  rmSync(places.pidFile(host), { force: true })
}
