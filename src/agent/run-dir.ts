/** The run directory: the socket, the lock, the workloads and what is remembered of the host; gone with a reboot. */
import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ensurePrivateDir } from "./identity.ts"

export function socketPath(runDir: string): string {
  return join(runDir, "ovl.sock")
}

/** What the host was like before ovl changed it. */
export function kernelStateFile(runDir: string): string {
  return join(runDir, "kernel.json")
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
