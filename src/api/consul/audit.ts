/** Which of Consul's requests change something, and what the audit says of them: the path, never a value. */
import { type Asker, type Audit, type AuditedChange, type AuditedOutcome, askerOf } from "../audit.ts"
import { type Bindings, pathOf, queryOf } from "../context.ts"

interface ConsulChange extends AuditedChange {
  /** Applications do it all day: only where all is wanted. */
  everyday: boolean
}

const READING = new Set(["GET", "HEAD", "OPTIONS"])

/** By method and path; a path with a slash at its end stands for all below it, and what follows is the object. */
const CHANGES: [method: string, path: string, what: string, everyday: boolean][] = [
  ["PUT", "/v1/kv/", "kv put", true],
  ["DELETE", "/v1/kv/", "kv del", true],
  ["PUT", "/v1/txn", "kv txn", true],
  ["PUT", "/v1/session/create", "session create", true],
  ["PUT", "/v1/session/destroy/", "session destroy", true],
  ["PUT", "/v1/snapshot", "snapshot restore", false],
  ["DELETE", "/v1/operator/raft/peer", "raft rm", false],
  ["POST", "/v1/operator/raft/transfer-leader", "raft transfer", false],
]

/** Null for what only reads. To renew a session changes nothing that anybody could see. */
export function consulChange(method: string, target: string): ConsulChange | null {
  if (READING.has(method)) return null
  const path = pathOf(target)
  for (const [only, prefix, what, everyday] of CHANGES) {
    const below = prefix.endsWith("/") && path.startsWith(prefix)
    if (method !== only || !(below || path === prefix)) continue
    return { what, object: below ? path.slice(prefix.length) : serverNamed(target), everyday }
  }
  return null
}

/** `?id=` and `?address=` are what Consul's operator paths name a server by. */
function serverNamed(target: string): string {
  const query = new URLSearchParams(queryOf(target))
  return query.get("id") ?? query.get("address") ?? ""
}

/** Answers by `answer`, which is told whom to call when a token has been accepted, and writes the line if there is one. */
export async function audited(
  audit: Audit,
  change: ConsulChange,
  { bindings, answer }: { bindings: Bindings; answer: (accepted: (tokenId: string) => void) => Promise<Response> },
): Promise<Response> {
  // Where a request comes from is known only while it lasts.
  const asker: Asker = askerOf(bindings)
  const response = await answer((tokenId) => {
    asker.who = `token/${tokenId}`
  })
  const { everyday } = change
  const refused = response.status === 401 || response.status === 403
  if (!onlyRead(change, response)) {
    const outcome = await outcomeOf(response, everyday && queryOf(bindings.target) !== "")
    audit.write(asker, change, outcome, refused ? "refused" : everyday ? "everyday" : null)
  }
  return response
}

/** A transaction may be one that only reads: then, and only then, its answer says how fresh it is. */
function onlyRead({ what }: AuditedChange, response: Response): boolean {
  return what === "kv txn" && response.headers.has("x-consul-knownleader")
}

/** Consul's answers have no codes; a write with a condition that did not hold is answered `false`. */
async function outcomeOf(response: Response, conditional: boolean): Promise<AuditedOutcome> {
  if (response.status >= 400) return { error: `http_${response.status}` }
  if (!conditional) return {}
  const text = await response.clone().text()
  return text.trim() === "false" ? { error: "condition_failed" } : {}
}
