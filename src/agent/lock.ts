/**
 * One daemon a run directory: whoever holds the lock on `<run-dir>/ovl.pid` is it. The kernel lets go of the lock when
 * the process ends, however it ends; the pid inside is for `ovl down` and for people.
 */
import { readFileSync, writeSync, ftruncateSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { close, O_CLOEXEC, O_CREAT, O_RDWR, open, tryLock } from "../linux/libc.ts"

export interface DaemonLock {
  release(): void
}

function lockPath(runDir: string): string {
  return join(runDir, "ovl.pid")
}

/** Throws `daemon_running` (conflict), which names the holder. */
export function acquireDaemonLock(runDir: string): DaemonLock {
  const fd = open(lockPath(runDir), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  if (!tryLock(fd)) {
    close(fd)
    const pid = readPid(runDir)
    throw new OvlError(
      "daemon_running",
      `cannot start: a daemon${pid ? ` (pid ${pid})` : ""} already runs on ${runDir}`,
      {
        kind: "conflict",
        hint: "a second daemon on this machine needs its own --run-dir, --data-dir and network namespace",
      },
    )
  }
  ftruncateSync(fd, 0)
  writeSync(fd, `${process.pid}\n`)
  return { release: () => close(fd) }
}

/** The pid of the daemon that holds the lock at this moment, or null. */
export function runningDaemon(runDir: string): number | null {
  let fd: number
  try {
    fd = open(lockPath(runDir), O_RDWR | O_CLOEXEC)
  } catch {
    return null
  }
  try {
    return tryLock(fd) ? null : readPid(runDir)
  } finally {
    close(fd)
  }
}

function readPid(runDir: string): number | null {
  try {
    const pid = Number(readFileSync(lockPath(runDir), "utf8").trim())
    return Number.isInteger(pid) && pid > 0 ? pid : null
  } catch {
    return null
  }
}
