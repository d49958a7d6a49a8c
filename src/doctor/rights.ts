/** Whether this program may do what a node does: root alone is not enough in a container. */
import { readFileSync } from "node:fs"
import { missingCapabilities, USEFUL } from "../linux/capabilities.ts"
import { type Check, type Finding, failed, ok, warning } from "./check.ts"

const IN_A_CONTAINER = "in a container: give them with --cap-add, or run it with --privileged"

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
    return [rightsFinding(readFileSync("/proc/self/status", "utf8"))]
  },
}

/** Exported for tests: of root, by the text of /proc/self/status. */
export function rightsFinding(status: string): Finding {
  const missing = missingCapabilities(status)
  if (missing.length > 0) return failed(`root, but without ${missing.join(" and ")}: no node can run`, IN_A_CONTAINER)
  const unheard = missingCapabilities(status, USEFUL)
  if (unheard.length > 0)
    return warning(`root, but without ${unheard.join()}: the probes of other nodes are not heard`, IN_A_CONTAINER)
  return ok("root, with the capabilities that a node needs")
}
