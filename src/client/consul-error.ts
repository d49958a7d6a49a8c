/** Refusals on Consul's paths: a status and a line of text, from which is read what they mean to the caller. */
import { type ErrorKind, OvlError } from "../base/errors.ts"

interface Meaning {
  status: number
  matches: RegExp
  code: string
  kind: ErrorKind
  hint?: string
}

/** The first that fits counts. Consul answers 500 to much that is the caller's mistake, or that passes by itself. */
const MEANINGS: readonly Meaning[] = [
  {
    status: 403,
    matches: /read-only/,
    code: "key_protected",
    kind: "forbidden",
    hint: "`ovl network create` and `ovl network rm` change them",
  },
  { status: 403, matches: /^/, code: "permission_denied", kind: "forbidden" },
  { status: 404, matches: /^/, code: "path_unknown", kind: "not_found", hint: "is it an ovl daemon of this version?" },
  { status: 409, matches: /read-only/, code: "key_protected", kind: "forbidden" },
  { status: 409, matches: /^/, code: "conflict", kind: "conflict" },
  { status: 413, matches: /^/, code: "value_too_large", kind: "too_large" },
  { status: 422, matches: /snapshot/, code: "snapshot_invalid", kind: "invalid", hint: "nothing was changed" },
  {
    status: 500,
    matches: /no cluster leader|no server|no leader|try again|busy/i,
    code: "no_leader",
    kind: "unavailable",
    hint: "`ovl status` says what is missing",
  },
  { status: 500, matches: /invalid session/, code: "session_not_found", kind: "not_found", hint: "it may have ended" },
  { status: 500, matches: /missing session|ParseUint/, code: "request_refused", kind: "usage" },
  { status: 500, matches: /not available in this version/, code: "not_available", kind: "failed" },
]

/** `what` is what failed: `cannot write config/a`. */
export function consulError(what: string, status: number, text: string): OvlError {
  const line = text.split("\n", 1)[0]!.replace(/^(Permission denied|read snapshot): /, "")
  const meaning = MEANINGS.find((each) => each.status === status && each.matches.test(text))
  if (meaning)
    return new OvlError(meaning.code, `${what}: ${line || status}`, { kind: meaning.kind, hint: meaning.hint })
  const [code, kind]: [string, ErrorKind] =
    status >= 400 && status < 500 ? ["request_refused", "usage"] : ["kv_failed", "failed"]
  return new OvlError(code, `${what}: ${line || `the daemon answered ${status}`}`, { kind })
}
