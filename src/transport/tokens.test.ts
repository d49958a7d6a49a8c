import { beforeAll, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import type { Random } from "../base/random.ts"
import { createAuthority, fingerprint } from "./certificates.ts"
import { hashSecret, makeToken, parseToken, secretMatches } from "./tokens.ts"

const counting: Random = { bytes: (length) => Uint8Array.from({ length }, (_, i) => i) }
let ca: string

beforeAll(async () => {
  ca = (await createAuthority()).certPem
})

test("a token is taken apart into what it was made of", () => {
  const { token, hash, ...parts } = makeToken(ca, counting)
  expect(parts).toEqual({
    authority: fingerprint(ca),
    id: "000102030405",
    secret: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
  })
  expect(parseToken(`  ${token}\n`)).toEqual(parts)
  expect(hash).toBe(hashSecret(parts.secret))
  expect(token).not.toContain(hash)
})

test("anything else is malformed, and says so without repeating the secret", () => {
  const { token } = makeToken(ca, counting)
  for (const text of ["", "ovl1", token.slice(0, -1), `${token}A`, token.replace("ovl1", "ovl2"), `x${token}`]) {
    const error = (() => {
      try {
        return parseToken(text)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toBeInstanceOf(OvlError)
    expect(error).toMatchObject({ code: "token_malformed", exitStatus: 5 })
    expect(text.length > 20 && (error as OvlError).message.includes(text.slice(-20))).toBe(false)
  }
})

test("a secret matches its own hash and no other", () => {
  expect(secretMatches("secret", hashSecret("secret"))).toBe(true)
  expect(secretMatches("secreT", hashSecret("secret"))).toBe(false)
  expect(secretMatches("secret", "")).toBe(false)
  expect(secretMatches("secret", "not a hash at all")).toBe(false)
})
