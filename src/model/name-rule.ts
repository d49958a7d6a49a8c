/**
 * The rule for names, without a schema library: what needs no more than the rule, as the command line before it asks
 * anybody, starts without loading one.
 */
import { OvlError } from "../base/errors.ts"
import { IFNAME_MAX_CHARS, NAME_MAX_CHARS } from "../base/limits.ts"

export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/
export const NAME_RULE = `a name begins with a letter or digit and has letters, digits, '_', '.', '-', at most ${NAME_MAX_CHARS}`

/** Errors: `name_invalid` (usage). `what` says whose name it is: "network", "node", "workload". */
export function checkName(name: string, what: string): string {
  if (NAME_PATTERN.test(name)) return name
  throw new OvlError("name_invalid", `${what} name ${JSON.stringify(name)}: malformed`, {
    kind: "usage",
    hint: NAME_RULE,
  })
}

/** What Linux takes for an interface's name (net/core/dev.c, dev_valid_name). Errors: `ifname_invalid` (usage). */
export function checkIfname(ifname: string): string {
  const malformed = /[\s/:]/.test(ifname) || ifname === "." || ifname === ".."
  if (!malformed && ifname.length > 0 && ifname.length <= IFNAME_MAX_CHARS) return ifname
  throw new OvlError("ifname_invalid", `interface name ${JSON.stringify(ifname)}: malformed`, {
    kind: "usage",
    hint: `at most ${IFNAME_MAX_CHARS} characters, no space, '/' or ':', as in eth0`,
  })
}
