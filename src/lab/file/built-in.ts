/** The lab that comes with ovl: `labs/red-green.yaml` itself, part of the program as text. */
import text from "../../../labs/red-green.yaml" with { type: "text" }
import type { Topology } from "../topology.ts"
import { readLabFile } from "./read.ts"

export const BUILT_IN_LAB = "red-green"
const BUILT_IN_FILE = "labs/red-green.yaml"

/** `name` goes before its own. Errors: name_invalid. */
export function builtInLab(name?: string): Topology {
  return readLabFile(BUILT_IN_FILE, text, { name })
}
