/** What the lab's commands have in common: which lab is meant, and what to try when it is up. */
import type { Topology } from "../lab/topology.ts"
import type { OptionTable } from "./command.ts"
import type { Io } from "./io.ts"
import { requireRoot } from "./rights.ts"

export const DEFAULT_LAB = "red-green"

export const LAB_OPTIONS = {
  name: { kind: "text", value: "LAB", config: "", description: "Which lab, where several are up", holds: "lab" },
} as const satisfies OptionTable

/** Throws `not_root`. */
export function requireRootForLab(io: Io, verb: string): void {
  requireRoot(io, `lab ${verb}`, "to make namespaces and interfaces")
}

/**
 * Commands that show the point of the lab, for somebody who has just brought it up: those whose tools are here. `program`
 * is how ovl is called here.
 */
export async function tryNext(topology: Topology, program: string, verified: boolean): Promise<string> {
  const { nextSteps } = await import("../lab/topology.ts")
  const lines = nextSteps(topology)
    .filter((line) => !(verified && line.startsWith("ovl lab verify")))
    .filter((line) => isInstalled(/ -- (\S+)/.exec(line)?.[1] ?? "ovl"))
    .map((line) => `  ${program}${line.slice("ovl".length)}`)
  return ["Try next:", ...lines].join("\n")
}

function isInstalled(tool: string): boolean {
  return tool === "ovl" || Bun.which(tool) !== null
}
