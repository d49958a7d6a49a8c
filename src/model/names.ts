/** What people may call a network, a node, a workload: INTERFACE section 3. Names are unique without regard to case. */
import { z } from "zod"
import { OvlError } from "../base/errors.ts"
import { NAME_MAX_CHARS } from "../base/limits.ts"

export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/
const NAME_RULE = `a name begins with a letter or digit and has letters, digits, '_', '.', '-', at most ${NAME_MAX_CHARS}`

export const nameSchema = z.string().max(NAME_MAX_CHARS).regex(NAME_PATTERN, NAME_RULE)

/** Errors: `name_invalid` (usage). `what` says whose name it is: "network", "node", "workload". */
export function checkName(name: string, what: string): string {
  if (NAME_PATTERN.test(name)) return name
  throw new OvlError("name_invalid", `${what} name ${JSON.stringify(name)}: malformed`, {
    kind: "usage",
    hint: NAME_RULE,
  })
}

/** The form under which a name is looked up. */
export function foldName(name: string): string {
  return name.toLowerCase()
}

/** What the endpoints of a workload are called: the first after the workload, further ones after their network too. */
export function endpointName(workload: string, network: string, first: boolean): string {
  return first ? workload : `${workload}.${network}`
}

export const DEFAULT_TENANT = "default"
