/** Keys as people give them. The rules are those of the store's API, so that a key that it would refuse is refused here. */
import { STORE_KEY_MAX_BYTES } from "../../base/limits.ts"
import { usageError } from "../usage.ts"

/** What Go's unicode.IsPrint is not, by which Consul refuses keys: controls, line separators, blanks but the common one. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

/** Errors: `key_invalid` (usage). */
export function checkKey(key: string): void {
  const why = whyNot(key)
  if (why !== null) throw keyInvalid(key, why)
}

function whyNot(key: string): string | null {
  if (UNPRINTABLE.test(key) || !key.isWellFormed()) return "it has a character that cannot be printed"
  if (key.split("/").includes("..")) return "'..' is no part of a key"
  return Buffer.byteLength(key) > STORE_KEY_MAX_BYTES ? `it is longer than ${STORE_KEY_MAX_BYTES} bytes` : null
}

/** Consul's clients drop slashes before a key. Errors: `key_invalid` (usage) where nothing else is left. */
export function keyOf(text: string): string {
  const key = prefixOf(text)
  if (key === "") throw keyInvalid(text, "there is nothing in it but slashes")
  return key
}

/** The same of the beginning of keys, which may be empty: `/` stands for all keys. */
export function prefixOf(text: string | undefined): string {
  return (text ?? "").replace(/^\/+/, "")
}

function keyInvalid(key: string, why: string): Error {
  const shown = key.length > SHOWN_CHARS ? `${key.slice(0, SHOWN_CHARS)}...` : key
  return usageError("key_invalid", `key ${JSON.stringify(shown)}: ${why}`, "keys look like config/web/port")
}

const SHOWN_CHARS = 80
