/** What people may call a network, a node, a workload: INTERFACE section 3. Names are unique without regard to case. */
import { z } from "zod"
import { NAME_MAX_CHARS } from "../base/limits.ts"
import { NAME_PATTERN, NAME_RULE } from "./name-rule.ts"

export { checkName, NAME_PATTERN } from "./name-rule.ts"

export const nameSchema = z.string().max(NAME_MAX_CHARS).regex(NAME_PATTERN, NAME_RULE)

/** The form under which a name is looked up. */
export function foldName(name: string): string {
  return name.toLowerCase()
}

/** What the endpoints of a workload are called: the first after the workload, further ones after their network too. */
export function endpointName(workload: string, network: string, first: boolean): string {
  return first ? workload : `${workload}.${network}`
}

export const DEFAULT_TENANT = "default"
