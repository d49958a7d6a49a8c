/**
 * Processes: recognising one again, learning of its end, entering its namespaces, and becoming another program there.
 * A process is more than its pid: pids come round again, so the time of its start goes with it, and the boot.
 */
import { readFileSync } from "node:fs"
import type { OvlErrorOptions } from "../base/errors.ts"
import { OvlError } from "../base/errors.ts"
import { errnoName, errnoText, isErrno } from "./errno.ts"
import {
  CLONE_FS,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWUTS,
  close,
  closeOnExecFrom,
  execve,
  pidfdOpen,
  setns,
  signalDefault,
  unblockSignals,
  unshare,
} from "./libc.ts"
import { setPropagation } from "./mounts.ts"
import { type NamespaceRef, openNamespace } from "./namespaces.ts"

const SIGPIPE = 13
const SIGXFSZ = 25
/** Where a shell looks without a PATH, and with sbin, as this is root's business. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** State letter and start time of /proc/<pid>/stat (proc_pid_stat(5)); null if there is no such process. */
function readStat(pid: number): { state: string; startTime: number } | null {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1")
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return null
    throw error
  }
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return { state: fields[0]!, startTime: Number(fields[19]) }
}

/**
 * When a process started, in clock ticks since boot; null if it is gone. With the pid and the boot id it names one
 * process for ever.
 */
export function processStartTime(pid: number): number | null {
  return readStat(pid)?.startTime ?? null
}

/** True if the process runs: not gone, not a zombie and, if its start time is given, not another one by now. */
export function pidAlive(pid: number, startTime?: number): boolean {
  const stat = readStat(pid)
  if (stat === null || stat.state === "Z" || stat.state === "X") return false
  return startTime === undefined || stat.startTime === startTime
}

/** A random identifier of this boot of the machine: what was true of pids and links before is not any more. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()
}

/**
 * Calls back once when a process has ended, be it a child or not; at once (in a later turn) if it is gone already.
 * Costs nothing while it runs. The returned function gives up waiting.
 */
export function watchExit(pid: number, onExit: () => void): () => void {
  let waiting = true
  const end = () => {
    if (!waiting) return
    waiting = false
    onExit()
  }
  let fd: number
  try {
    fd = pidfdOpen(pid)
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error
    setImmediate(end)
    return () => {
      waiting = false
    }
  }
  // A pidfd becomes readable at the end of its process. Bun then tries to receive from it, which a pidfd refuses, and
  // closes the "socket": that is the event.
  const handlers = { data: end, close: end, error: end }
  const connecting = Bun.connect({ fd, socket: handlers } as unknown as Parameters<typeof Bun.connect>[0])
  connecting.catch(end)
  return () => {
    waiting = false
    connecting.then(
      (socket) => socket.terminate(),
      () => {},
    )
  }
}

export type NamespaceKind = "net" | "mount" | "uts"

const CLONE_FLAGS: Record<NamespaceKind, number> = { net: CLONE_NEWNET, mount: CLONE_NEWNS, uts: CLONE_NEWUTS }

function flagsOf(kinds: readonly NamespaceKind[]): number {
  return kinds.reduce((flags, kind) => flags | CLONE_FLAGS[kind], 0)
}

/** Threads share their root and working directory; one that does cannot enter a mount namespace (setns(2)). */
function unshareForMounts(kinds: readonly NamespaceKind[]): void {
  if (kinds.includes("mount")) unshare(CLONE_FS)
}

/**
 * Enters namespaces of a process, all in one step, for good: for a program that is about to `execProgram`. With `mount`
 * the root and working directory become that process's root. Throws `not_found` (ESRCH) if it is gone.
 */
export function enterProcess(pid: number, kinds: readonly NamespaceKind[]): void {
  const fd = pidfdOpen(pid)
  try {
    unshareForMounts(kinds)
    setns(fd, flagsOf(kinds), `process ${pid}`)
  } finally {
    close(fd)
  }
}

/** Enters a network namespace for good. */
export function enterNetwork(namespace: NamespaceRef): void {
  const fd = typeof namespace === "number" ? namespace : openNamespace(namespace)
  try {
    setns(fd, CLONE_NEWNET, String(namespace))
  } finally {
    if (typeof namespace === "string") close(fd)
  }
}

/**
 * Leaves for new namespaces, for good. With `mount`, nothing mounted from now on is seen by the others; what they
 * unmount goes here too, so that a namespace pinned and deleted outside does not live on here.
 */
export function newNamespaces(kinds: readonly NamespaceKind[]): void {
  unshareForMounts(kinds)
  unshare(flagsOf(kinds))
  if (kinds.includes("mount")) setPropagation("/", "slave")
}

/** A program that could not be started, with the exit status that a shell gives: 127 not found, 126 not executable. */
export class ExecError extends OvlError {
  readonly status: 126 | 127

  constructor(program: string, status: 126 | 127, why: string, options: OvlErrorOptions = {}) {
    super(status === 127 ? "command_not_found" : "command_not_executable", `${program}: ${why}`, {
      kind: "failed",
      ...options,
    })
    this.name = "ExecError"
    this.status = status
  }

  override get exitStatus(): number {
    return this.status
  }
}

/** Puts back what Bun changed and an `execve` would pass on: ignored signals, the signal mask. */
export function resetSignals(): void {
  signalDefault(SIGPIPE)
  signalDefault(SIGXFSZ)
  unblockSignals()
}

/**
 * Replaces this program by another, found as a shell finds it, with descriptors 0, 1 and 2 only. Nothing after it runs;
 * it throws `ExecError` if there is no such program or it cannot be executed.
 */
export function execProgram(argv: readonly [string, ...string[]], env: Readonly<Record<string, string>>): never {
  const [program] = argv
  const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  resetSignals()
  closeOnExecFrom(3)
  let denied: number | null = null
  for (const file of candidates(program, env.PATH)) {
    let errno = execve(file, [...argv], environment)
    if (errnoName(errno) === "ENOEXEC") {
      // A script without a first line that names its interpreter, as execvp(3) has it.
      errno = execve("/bin/sh", ["/bin/sh", file, ...argv.slice(1)], environment)
    }
    const name = errnoName(errno)
    if (name === "EACCES") denied = errno
    else if (name !== "ENOENT" && name !== "ENOTDIR") denied ??= errno
  }
  if (denied !== null) throw new ExecError(program, 126, errnoText(denied) || errnoName(denied))
  throw new ExecError(program, 127, program.includes("/") ? errnoText(2) : "command not found")
}

/** The files that a program's name may stand for, in order. */
function candidates(program: string, path: string | undefined): string[] {
  if (program === "") return []
  if (program.includes("/")) return [program]
  return (path === undefined || path === "" ? DEFAULT_PATH : path)
    .split(":")
    .map((directory) => (directory === "" ? `./${program}` : `${directory}/${program}`))
}
