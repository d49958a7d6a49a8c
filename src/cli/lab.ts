/** What the lab's commands have in common: which lab is meant, and what to try when it is up. */
import type { OptionTable } from "./command.ts"
import type { Io } from "./io.ts"
import { requireRoot } from "./rights.ts"

export const DEFAULT_LAB = "red-green"

export const LAB_OPTIONS = {
  name: { kind: "text", value: "LAB", config: "", default: DEFAULT_LAB, description: "The lab's name", holds: "lab" },
} as const satisfies OptionTable

/** Throws `not_root`. */
export function requireRootForLab(io: Io, verb: string): void {
  requireRoot(io, `lab ${verb}`, "to make namespaces and interfaces")
}

/** Commands that show the point of the lab, for somebody who has just brought it up. `program` is how ovl is called here. */
export function tryNext(lab: string, program: string, verified: boolean): string {
  const name = lab === DEFAULT_LAB ? "" : `--name ${lab} `
  const inside = (host: string, command: string) => `  ${program} lab exec ${name}${host} -- ${command}`
  return [
    "Try next:",
    ...(verified ? [] : [`  ${program} lab verify${name === "" ? "" : ` --name ${lab}`}`]),
    inside("swarm-02", "ovl exec namespace_03 ping -c1 namespace_01"),
    inside("swarm-01", "ovl network inspect red"),
    inside("swarm-01", "ip netns ls"),
    `${inside("swarm-01", "sh")}          a shell on a node of the lab`,
    `  ${program} lab down${name === "" ? "" : ` --name ${lab}`}`,
  ].join("\n")
}
