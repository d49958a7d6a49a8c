/** What people may call a network, a node, a workload: INTERFACE section 3. Names are unique without regard to case. */
import { z } from "zod"
import { NAME_MAX_CHARS } from "../base/limits.ts"

export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/

export const nameSchema = z
  .string()
  .max(NAME_MAX_CHARS)
  .regex(NAME_PATTERN, "a name begins with a letter or digit and has letters, digits, '_', '.', '-', at most 63")

/** The form under which a name is looked up. */
export function foldName(name: string): string {
  return name.toLowerCase()
}

export const DEFAULT_TENANT = "default"
