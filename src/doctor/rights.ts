/** Whether this program may do what a node does: root alone is not enough in a container. */
import { readFileSync } from "node:fs"
import { type Check, type Finding, failed, ok, warning } from "./check.ts"

/** include/uapi/linux/capability.h, and what each is for. */
const NEEDED = [
  { bit: 12, name: "CAP_NET_ADMIN", why: "to make interfaces, routes and rules" },
  { bit: 13, name: "CAP_NET_RAW", why: "to hear probes of other nodes" },
  { bit: 21, name: "CAP_SYS_ADMIN", why: "to make and enter namespaces" },
] as const

/** From `CapEff` of /proc/PID/status (proc_pid_status(5)): those that are missing. */
export function missingCapabilities(status: string): string[] {
  const digits = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"
  const effective = BigInt(`0x${digits}`)
  return NEEDED.filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n).map(({ name, why }) => `${name} (${why})`)
}

export const rights: Check = {
  name: "rights",
  look({ options }): Finding[] {
    if (!options.isRoot)
      return [
        warning(
          "not root: a node cannot be run so, and some of this host cannot be looked at",
          "run `ovl doctor` as root: sudo ovl doctor",
        ),
      ]
    const missing = missingCapabilities(readFileSync("/proc/self/status", "utf8"))
    if (missing.length === 0) return [ok("root, with the capabilities that a node needs")]
    return [
      failed(
        `root, but without ${missing.join(", ")}`,
        "in a container: give them with --cap-add, or run it with --privileged",
      ),
    ]
  },
}
