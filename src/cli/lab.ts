/** What the lab's commands have in common: which lab is meant, and what to try when it is up. */
import type { OptionTable } from "./command.ts"
import type { Io } from "./io.ts"
import { requireRoot } from "./rights.ts"

export const DEFAULT_LAB = "red-green"

export const LAB_OPTIONS = {
  name: { kind: "text", value: "LAB", config: "", default: DEFAULT_LAB, description: "The lab's name" },
} as const satisfies OptionTable

/** Throws `not_root`, or `name_invalid`: a lab's name becomes a directory's. */
export async function checkLab(io: Io, verb: string, name: string): Promise<void> {
  const { checkName } = await import("../model/names.ts")
  checkName(name, "lab")
  requireRoot(io, `lab ${verb}`, "to make namespaces and interfaces")
}

/** Commands that show the point of the lab, for somebody who has just brought it up. */
export function tryNext(lab: string): string {
  const name = lab === DEFAULT_LAB ? "" : `--name ${lab} `
  const inside = (host: string, command: string) => `  ovl lab exec ${name}${host} -- ${command}`
  return [
    "Try next:",
    `  ovl lab verify${name === "" ? "" : ` --name ${lab}`}`,
    inside("swarm-02", "ovl exec namespace_03 ping -c1 namespace_01"),
    inside("swarm-01", "ovl network inspect red"),
    inside("swarm-01", "ip netns ls"),
    `  ovl lab down${name === "" ? "" : ` --name ${lab}`}`,
  ].join("\n")
}
