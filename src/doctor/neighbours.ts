/**
 * Whether the kernel's tables of neighbours are large enough. What ovl writes is permanent and does not count to them; what
 * workloads learn does, in all namespaces together, and when a table is full nobody on the host finds a new neighbour.
 */
import { existsSync, readFileSync } from "node:fs"
import { type Check, type Finding, ok, warning } from "./check.ts"

const TABLES = [
  { family: "ipv4", statistics: "/proc/net/stat/arp_cache" },
  { family: "ipv6", statistics: "/proc/net/stat/ndisc_cache" },
] as const
const ENOUGH = 65_536

export const neighbours: Check = {
  name: "neighbour table",
  look(): Finding[] {
    // Only the first network namespace has them: in a container there is nothing to be found out, nor to be changed.
    return TABLES.filter(({ statistics }) => existsSync(statistics)).map(({ family, statistics }) => {
      const limit = Number(readFileSync(`/proc/sys/net/${family}/neigh/default/gc_thresh3`, "utf8"))
      return tableFinding(family, limit, readFileSync(statistics, "utf8"))
    })
  },
}

/** Exported for tests. `statistics`: a line of titles, then one for each processor, in hexadecimal (net/core/neighbour.c). */
export function tableFinding(family: "ipv4" | "ipv6", limit: number, statistics: string): Finding {
  const [titles = "", ...lines] = statistics.trimEnd().split("\n")
  const column = titles.trim().split(/\s+/).indexOf("table_fulls")
  const counts = lines.map((line) => Number.parseInt(line.trim().split(/\s+/)[column] ?? "0", 16))
  const fulls = counts.reduce((sum, count) => sum + count, 0)
  const room = `it takes ${limit} learned neighbours of all namespaces together`
  const name = `neighbour table, ${family === "ipv4" ? "IPv4" : "IPv6"}`
  if (fulls === 0) return ok(`never full since this host started; ${room}`, name)
  const hint = `sysctl -w net.${family}.neigh.default.gc_thresh3=${ENOUGH}, and the same in /etc/sysctl.d`
  return warning(`was full ${fulls} times since this host started, and packets were lost by it; ${room}`, hint, name)
}
