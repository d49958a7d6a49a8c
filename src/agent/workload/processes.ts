/** Processes of this host, as /proc tells: is one still the one we knew, and which live in a namespace. */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs"

/** When the process began, in clock ticks since boot (field 22 of /proc/<pid>/stat, proc(5)); null when it is gone. */
export function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The command's name stands in parentheses and may hold blanks: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

/** The same process is still there: same pid, same beginning, no zombie. */
export function isAlive(process: { pid: number; startTime: string }): boolean {
  return startTime(process.pid) === process.startTime
}

/** Every process whose network namespace is the one that is mounted at `netns`. */
export function processesIn(netns: string): number[] {
  let wanted: string
  try {
    wanted = `net:[${statSync(netns).ino}]`
  } catch {
    return []
  }
  const found: number[] = []
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readlinkSync(`/proc/${name}/ns/net`) === wanted) found.push(Number(name))
    } catch {
      // Ended between the listing and the look.
    }
  }
  return found
}
