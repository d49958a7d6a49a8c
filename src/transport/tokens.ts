/**
 * Join tokens: `ovl1.<authority>.<id>.<secret>`. The first part lets the joiner know the cluster before it says a word
 * to it: the SHA-256 of the authority's certificate, base64url. The second finds the token in the store, the third is
 * the secret, of which the store keeps a hash only. Secrets are random and long, so that a plain hash is enough.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { OvlError } from "../base/errors.ts"
import { type Random, randomHex } from "../base/random.ts"
import { fingerprint } from "./certificates.ts"

export interface Token {
  /** SHA-256 of the authority's certificate, 64 hexadecimal digits. */
  authority: string
  id: string
  secret: string
}

export interface NewToken extends Token {
  /** What the user gets to see, once. */
  token: string
  /** What the store keeps in the place of the secret. */
  hash: string
}

const VERSION = "ovl1"
const ID_CHARS = 12
const SECRET_BYTES = 24
const PATTERN = /^ovl1\.([A-Za-z0-9_-]{43})\.([0-9a-f]{12})\.([A-Za-z0-9_-]{32})$/

/** A new token for the cluster of this authority. */
export function makeToken(caPem: string, random: Random): NewToken {
  const authority = fingerprint(caPem)
  const id = randomHex(random, ID_CHARS)
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url")
  const first = Buffer.from(authority, "hex").toString("base64url")
  return { authority, id, secret, token: [VERSION, first, id, secret].join("."), hash: hashSecret(secret) }
}

/** Takes a token apart; white space around it, which comes with copying, does not matter. Throws `token_malformed`. */
export function parseToken(text: string): Token {
  const [, authority, id, secret] = PATTERN.exec(text.trim()) ?? []
  if (authority === undefined || id === undefined || secret === undefined) {
    throw new OvlError("token_malformed", "token: it is not a whole join token", {
      kind: "forbidden",
      hint: "copy all of what `ovl token create` printed; it begins with ovl1.",
    })
  }
  return { authority: Buffer.from(authority, "base64url").toString("hex"), id, secret }
}

/** What is stored of a secret: SHA-256, 64 hexadecimal digits. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex")
}

/** Whether a secret is the one that was hashed, in a time that tells nothing about how much of it was right. */
export function secretMatches(secret: string, hash: string): boolean {
  const given = Buffer.from(hashSecret(secret), "hex")
  const stored = Buffer.from(hash, "hex")
  return given.length === stored.length && timingSafeEqual(given, stored)
}
