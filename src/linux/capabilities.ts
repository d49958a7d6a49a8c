/**
 * Which of the rights that root has (capabilities(7)) this program lacks. In a container root often has not all of them,
 * and the kernel's own refusal, EPERM of some call or other, does not say which one it wanted.
 */
import { readFileSync } from "node:fs"
import { OvlError } from "../base/errors.ts"

/** Bits by name, include/uapi/linux/capability.h: for links, routes and rules; for namespaces and mounts. */
const NEEDED = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const
/** To hear the probes of other nodes: a node does without. */
export const USEFUL = { CAP_NET_RAW: 13n } as const

/** Names of those needed, or given, that are not among the effective ones; `status` is the text of /proc/self/status. */
export function missingCapabilities(status: string, needed: Readonly<Record<string, bigint>> = NEEDED): string[] {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  if (effective === undefined) return []
  const bits = BigInt(`0x${effective}`)
  return Object.entries(needed).flatMap(([name, bit]) => ((bits >> bit) & 1n ? [] : [name]))
}

/** Throws `not_permitted` (forbidden) naming what is missing. */
export function requireCapabilities(): void {
  const missing = missingCapabilities(readFileSync("/proc/self/status", "utf8"))
  if (missing.length === 0) return
  throw new OvlError(
    "not_permitted",
    `starting: ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing`,
    {
      kind: "forbidden",
      hint: "run the daemon as root with all capabilities; in a container, a privileged one",
    },
  )
}
