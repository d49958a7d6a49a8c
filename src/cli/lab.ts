/** What the lab's commands have in common: which lab is meant, its file, and what to try when it is up. */
import { LAB_FILE_MAX_BYTES } from "../base/limits.ts"
import type { Topology } from "../lab/topology.ts"
import type { OptionTable } from "./command.ts"
import { readInput, sourceName } from "./input.ts"
import type { Io } from "./io.ts"
import { requireRoot } from "./rights.ts"

export const LAB_OPTIONS = {
  name: { kind: "text", value: "LAB", config: "", description: "Which lab, where several are up", holds: "lab" },
} as const satisfies OptionTable

/** Throws `not_root`. */
export function requireRootForLab(io: Io, verb: string): void {
  requireRoot(
    io,
    `lab ${verb}`,
    LOOKING.includes(verb) ? "to see the labs' namespaces" : "to change namespaces and interfaces",
  )
}

const LOOKING = ["ls", "exec", "verify"]

/**
 * The lab that a file describes, `-` being standard input; without one, the lab that comes with ovl. `name` goes before
 * the file's own. Errors: LabFileError (usage), file_not_found, file_unreadable, input_too_large.
 */
export async function labOfFile(io: Io, file: string | undefined, name: string | undefined): Promise<Topology> {
  if (file === undefined) return (await import("../lab/file/built-in.ts")).builtInLab(name)
  const bytes = readInput(io, file, LAB_FILE_MAX_BYTES, "a lab's file")
  const { readLabFile } = await import("../lab/file/read.ts")
  const { LabPlaces } = await import("../lab/places.ts")
  // What is up is root's to see; without that every lab is a new one.
  const known = (lab: string) => (io.isRoot ? new LabPlaces(lab).topology() : null)
  return readLabFile(sourceName(file), new TextDecoder().decode(bytes), { name, known })
}

/**
 * Commands that show the point of the lab, for somebody who has just brought it up: those whose tools are here. `program`
 * is how ovl is called here.
 */
export async function tryNext(topology: Topology, program: string, verified: boolean): Promise<string> {
  const { nextSteps } = await import("../lab/topology.ts")
  const { BUILT_IN_LAB } = await import("../lab/file/built-in.ts")
  const lines = nextSteps(topology, BUILT_IN_LAB)
    .filter((line) => !(verified && line.startsWith("ovl lab verify")))
    .filter((line) => isInstalled(/ -- (\S+)/.exec(line)?.[1] ?? "ovl"))
    .map((line) => `  ${program}${line.slice("ovl".length)}`)
  return ["Try next:", ...lines].join("\n")
}

function isInstalled(tool: string): boolean {
  return tool === "ovl" || Bun.which(tool) !== null
}
