/** What a daemon that ended without `ovl down` has left in this host, and how it is taken away. */
import { existsSync } from "node:fs"
import { socketPath } from "../agent/run-dir.ts"
import { loadRecords } from "../agent/workload/record.ts"
import { OvlError } from "../base/errors.ts"
import { empty } from "../daemon/take-down.ts"
import { processesIn } from "../linux/namespace-processes.ts"
import { type Check, type Finding, ok, warning } from "./check.ts"
import type { Patient } from "./patient.ts"

export const leftOvers: Check = {
  name: "left-overs",
  look(patient): Finding[] {
    const pid = patient.daemonPid()
    if (pid !== null) return [ok(`none: what is in the kernel is the daemon's (pid ${pid})`)]
    const found = leftOversOf(patient)
    if (found.length === 0) return [ok("none")]
    const text = `no daemon runs, and there is still ${found.join(", ")}`
    const living = livingWorkloads(patient.options.runDir)
    if (living.length > 0)
      return [
        warning(
          `${text}; still running: ${living.join(", ")}`,
          "start the daemon again, and all goes on; or `ovl down` ends the workloads too",
        ),
      ]
    return [warning(text, "start the daemon again to go on with it, or `ovl doctor --fix` removes it")]
  },
}

/** What is ours in the host, in words; errors: not_permitted. */
function leftOversOf({ kernel, options }: Patient): string[] {
  const { namespaces, links, firewall, sysctls } = kernel.inventory()
  const count = (number: number, one: string, many: string) =>
    number === 0 ? [] : [`${number} ${number === 1 ? one : many}`]
  return [
    ...count(loadRecords(options.runDir).length, "workload", "workloads"),
    ...count(namespaces.length, "namespace", "namespaces"),
    ...count(links.length, "interface", "interfaces"),
    ...count(firewall.length, "firewall rule", "firewall rules"),
    ...count(sysctls.length, "changed sysctl", "changed sysctls"),
    ...(existsSync(socketPath(options.runDir)) ? ["a socket"] : []),
  ]
}

/** Workloads with a process in them: they outlive a daemon, and are no left-overs. */
function livingWorkloads(runDir: string): string[] {
  return loadRecords(runDir)
    .filter(({ netns }) => processesIn(netns).length > 0)
    .map(({ name }) => name)
}

/**
 * Takes away what carries ovl's mark and nothing else; a line for each. Nothing where a daemon runs. Errors:
 * `workloads_running` (conflict) where that would end one.
 */
export function removeLeftOvers(patient: Patient): string[] {
  const { runDir } = patient.options
  if (patient.daemonPid() !== null || leftOversOf(patient).length === 0) return []
  const living = livingWorkloads(runDir)
  if (living.length === 0) return empty(runDir, patient.kernel)
  throw new OvlError("workloads_running", `cannot remove what is left over: still running: ${living.join(", ")}`, {
    kind: "conflict",
    hint: "start the daemon again, and all goes on; or `ovl down` ends the workloads too",
  })
}
