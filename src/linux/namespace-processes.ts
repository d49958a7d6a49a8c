/** Which processes live in a network namespace. */
import { readdirSync, readlinkSync, statSync } from "node:fs"

/** Every process whose network namespace is the one that is mounted at `netns`. */
export function processesIn(netns: string): number[] {
  const wanted = namespaceLink(netns)
  if (wanted === null) return []
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isIn(pid, wanted))
}

/** The process is in the network namespace that is mounted at `netns`. */
export function isProcessIn(pid: number, netns: string): boolean {
  const wanted = namespaceLink(netns)
  return wanted !== null && isIn(pid, wanted)
}

/** As /proc/<pid>/ns/net reads (namespaces(7)); null where nothing is. */
function namespaceLink(path: string): string | null {
  try {
    return `net:[${statSync(path).ino}]`
  } catch {
    return null
  }
}

function isIn(pid: number, wanted: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) === wanted
  } catch {
    // Ended between the listing and the look.
    return false
  }
}
