/** The words for what kept a transaction of Consul's verbs from being made: Consul's own, as its clients look for them. */
import type { KvProblem, KvVerb } from "./port.ts"
import type { Problem } from "./verbs.ts"

/** `root` is left out of the keys that the text names. */
export function describe(problem: Problem, root: string): KvProblem {
  const { index, code, verb } = problem
  return {
    index,
    code,
    what: wordsFor(problem, quote(verb.key.startsWith(root) ? verb.key.slice(root.length) : verb.key)),
  }
}

function wordsFor({ code, verb, found }: Problem, key: string): string {
  switch (code) {
    case "stale":
      return `failed to ${verb.verb === "delete-cas" ? "delete" : "set"} key ${key}, index is stale`
    case "held":
      return `failed to lock key ${key}, lock is already held`
    case "delayed":
      return `failed to lock key ${key} due to lock delay`
    case "not_held":
      return `failed to unlock key ${key}, lock isn't held, or is held by another session`
    case "key_missing":
      return `${missingFor(verb)}key ${key} doesn't exist`
    case "key_exists":
      return `key ${key} exists`
    case "mismatch":
      return mismatch(verb, key, found)
    case "session_missing":
      return "missing session"
    case "session_unknown":
      return `invalid session ${quote("session" in verb ? verb.session : "")}`
    case "key_empty":
      return "Must provide key"
    case "too_large":
      return `failed to read key ${key}, all that the transaction reads is too large`
  }
}

function missingFor(verb: KvVerb): string {
  if (verb.verb === "check-session") return "failed to check session, "
  return verb.verb === "check-index" ? "failed to check index, " : ""
}

function mismatch(verb: KvVerb, key: string, found: string | number | undefined): string {
  if (verb.verb === "check-session")
    return `failed session check for key ${key}, current session ${quote(String(found))} != ${quote(verb.session)}`
  const wanted = verb.verb === "check-index" ? verb.index : 0
  return `failed index check for key ${key}, current modify index ${found} != ${wanted}`
}

/** As Go's %q does with what may be in a key. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`
}
