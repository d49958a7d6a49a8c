/** The processes of a lab, found by the namespaces they live in: nothing else is ever signalled. */
import { readdirSync, statSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { LAB_POLL_MS, LAB_STOP_TIMEOUT_MS } from "../base/limits.ts"
import { kill } from "../linux/libc.ts"
import { isMountPoint } from "../linux/mounts.ts"
import { networksPinnedIn } from "./hosts.ts"
import type { LabPlaces, PinKind } from "./places.ts"

const SIGKILL = 9
/** A workload has a network of its own, and `ip netns exec` mounts of its own: one kind that fits is enough. */
const KINDS: readonly PinKind[] = ["net", "mnt", "uts"]

/** The inodes of namespaces, by kind. */
type Inodes = Record<PinKind, Set<number>>

/** The processes in a host's own network namespace. */
export function processesOnHost(places: LabPlaces, host: string): number[] {
  const inodes = noInodes()
  addPin(inodes, places, host, "net")
  return processesIn(inodes)
}

/** Ends every process that lives in one of these hosts. Errors: lab_processes_left. */
export async function endProcesses(places: LabPlaces, hosts: string[]): Promise<void> {
  const inodes = noInodes()
  for (const host of hosts) {
    for (const kind of KINDS) addPin(inodes, places, host, kind)
    for (const inode of networksPinnedIn(places, host)) inodes.net.add(inode)
  }
  const until = performance.now() + LAB_STOP_TIMEOUT_MS
  for (;;) {
    const left = processesIn(inodes)
    if (left.length === 0) return
    if (performance.now() > until)
      throw new OvlError("lab_processes_left", `lab ${places.lab}: processes do not end: ${left.join(", ")}`)
    for (const pid of left) kill(pid, SIGKILL)
    await Bun.sleep(LAB_POLL_MS)
  }
}

function noInodes(): Inodes {
  return { net: new Set(), mnt: new Set(), uts: new Set() }
}

function addPin(inodes: Inodes, places: LabPlaces, host: string, kind: PinKind): void {
  const path = places.pin(host, kind)
  // An empty file is what a creation that was cut off leaves.
  if (isMountPoint(path)) inodes[kind].add(statSync(path).ino)
}

function processesIn(inodes: Inodes): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => KINDS.some((kind) => inodes[kind].has(namespaceInode(pid, kind))))
    .map(Number)
}

/** 0 where the process has ended. */
function namespaceInode(pid: string, kind: PinKind): number {
  try {
    return statSync(`/proc/${pid}/ns/${kind}`).ino
  } catch {
    return 0
  }
}
