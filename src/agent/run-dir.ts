/** The run directory: the socket, the lock, the workloads and what is remembered of the host; gone with a reboot. */
import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { writeFileAtomic } from "./files.ts"
import { ensurePrivateDir } from "./identity.ts"

export function socketPath(runDir: string): string {
  return join(runDir, "ovl.sock")
}

/** What the host was like before ovl changed it. */
export function kernelStateFile(runDir: string): string {
  return join(runDir, "kernel.json")
}

/** Where the daemon of this run directory keeps its data: `ovl down --all` need not be told again. */
export function dataDirFile(runDir: string): string {
  return join(runDir, "data-dir")
}

export function noteDataDir(runDir: string, dataDir: string): void {
  writeFileAtomic(dataDirFile(runDir), `${resolve(dataDir)}\n`, 0o600)
}

/** Null where no daemon has noted it. */
export function notedDataDir(runDir: string): string | null {
  try {
    return readFileSync(dataDirFile(runDir), "utf8").trimEnd()
  } catch {
    return null
  }
}

/** Makes it, for root alone; where the group `ovl` exists its members may pass through to the socket. */
export function prepareRunDir(runDir: string): void {
  ensurePrivateDir(runDir)
  const group = groupId("ovl")
  if (group !== null) {
    chownSync(runDir, 0, group)
    chmodSync(runDir, 0o710)
  }
  mkdirSync(join(runDir, "workloads"), { recursive: true, mode: 0o700 })
}

function groupId(name: string): number | null {
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${name}:`))
  return line ? Number(line.split(":")[2]) : null
}
