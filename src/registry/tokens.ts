/**
 * Join tokens in the store: their secrets only as hashes, each with a role, an end and perhaps a number of uses. Tokens
 * that are over go when the next one is made.
 */
import { OvlError } from "../base/errors.ts"
import { TOKEN_TTL_DEFAULT_MS, TOKENS_EXPIRED_PER_CALL_MAX, TOKENS_MAX } from "../base/limits.ts"
import type { TokenCreated, TokenRecord, TokenSpec, TokenView } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import type { Authority } from "../transport/certificates.ts"
import { makeToken, parseToken, secretMatches } from "../transport/tokens.ts"
import { entriesBelow, decode, put, read, readVersioned, recordsBelow, remove } from "./codec.ts"
import { type RegistryContext, timestamp } from "./context.ts"
import type { Decision } from "./decisions.ts"
import * as keys from "./keys.ts"

const ABOUT_TOKENS = "tokens"

/** The cluster's authority. Its private key never leaves the servers. Errors: `no_cluster` (unavailable). */
export function clusterAuthority(store: Store): Authority {
  const authority = read<Authority>(store, keys.AUTHORITY_KEY)
  if (authority) return authority
  throw new OvlError("no_cluster", "the store: holds no cluster", { kind: "unavailable", hint: "start one: ovl serve" })
}

/** Role client, 24 h and any number of uses unless said otherwise. Errors: `token_spec_invalid` (usage), `tokens_exhausted`. */
export async function createToken(context: RegistryContext, spec: TokenSpec): Promise<TokenCreated> {
  const { role = "client", ttlMs = TOKEN_TTL_DEFAULT_MS, uses = null } = spec
  const expires = context.clock.now() + ttlMs
  if (!(ttlMs > 0) || !(expires <= LAST_MOMENT_MS))
    throw specInvalid("ttl", "must be above zero and end before the year 10000")
  if (uses !== null && !(Number.isInteger(uses) && uses > 0))
    throw specInvalid("uses", "must be a whole number above zero")
  const made = makeToken(clusterAuthority(context.store).certPem, context.random)
  const record: TokenRecord = {
    id: made.id,
    hash: made.hash,
    role,
    expires: new Date(expires).toISOString(),
    usesLeft: uses,
    created: timestamp(context.clock),
  }
  await context.decisions.run([ABOUT_TOKENS], () => decideToken(context, record))
  return { id: record.id, token: made.token, role, expires: record.expires }
}

/** 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for a year. */
const LAST_MOMENT_MS = 253_402_300_799_999

function decideToken({ store, clock }: RegistryContext, record: TokenRecord): Decision<null> {
  const expired: string[] = []
  let valid = 0
  for (const entry of entriesBelow(store, keys.TOKENS_PREFIX)) {
    if (whyOver(decode<TokenRecord>(entry), clock.now()) === null) valid++
    else expired.push(entry.key)
  }
  if (valid >= TOKENS_MAX) {
    const hint = "remove some with ovl token rm"
    throw new OvlError("tokens_exhausted", `there are ${TOKENS_MAX} tokens already`, { kind: "conflict", hint })
  }
  const key = keys.tokenKey(record.id)
  return {
    compare: [{ key, exists: false }],
    operations: [put(key, record), ...expired.slice(0, TOKENS_EXPIRED_PER_CALL_MAX).map(remove)],
    result: null,
  }
}

/** Those that can still be used, the newest last. */
export function listTokens({ store, clock }: RegistryContext): TokenView[] {
  const valid = [...recordsBelow<TokenRecord>(store, keys.TOKENS_PREFIX)].filter(
    (token) => whyOver(token, clock.now()) === null,
  )
  return valid.sort((a, b) => (a.created < b.created ? -1 : 1)).map(({ hash: _, ...view }) => view)
}

/** Errors: `token_unknown` (not_found). */
export async function removeToken({ store, decisions }: RegistryContext, id: string): Promise<void> {
  await decisions.run([ABOUT_TOKENS], () => {
    if (store.get(keys.tokenKey(id))) return { compare: [], operations: [remove(keys.tokenKey(id))], result: null }
    throw new OvlError("token_unknown", `token ${id}: not found`, { kind: "not_found", hint: "see ovl token ls" })
  })
}

/**
 * The record that a token's text stands for, and the revision to compare with when it is used.
 * Errors, all forbidden: token_malformed; token_unknown, also for a wrong secret; token_expired, also when used up.
 */
export function validToken(
  { store, clock }: RegistryContext,
  text: string,
): { token: TokenRecord; modRevision: number } {
  const { id, secret } = parseToken(text)
  const { value: token, modRevision } = readVersioned<TokenRecord>(store, keys.tokenKey(id))
  if (!token || !secretMatches(secret, token.hash)) {
    const hint = "it may have been removed or be of another cluster; make one with ovl token create"
    throw new OvlError("token_unknown", "token: unknown to this cluster", { kind: "forbidden", hint })
  }
  const why = whyOver(token, clock.now())
  if (why === null) return { token, modRevision }
  throw new OvlError("token_expired", `token ${id}: ${why}`, {
    kind: "forbidden",
    hint: "make a new one with ovl token create",
  })
}

function whyOver(token: TokenRecord, now: number): string | null {
  if (Date.parse(token.expires) <= now) return `expired at ${token.expires}`
  return token.usesLeft === 0 ? "used up" : null
}

function specInvalid(field: string, why: string): OvlError {
  return new OvlError("token_spec_invalid", `token: ${field} ${why}`, {
    kind: "usage",
    hint: "as in --ttl 24h --uses 3",
  })
}
