/** Keys of Consul's `/v1/kv/`: how a path names one, which nobody may write, where they lie in the store. */
import { isProtectedKey, KV_PREFIX, protectedPrefix } from "../../registry/keys.ts"
import { consulText } from "../errors.ts"
import { isPrintable, percentDecode, toText } from "./decode.ts"

/** The key that a path names (R10-R13, C22, C23). Slashes before it are dropped, as clients of Consul's expect. */
export function decodeKey(rest: string): string | Response {
  const decoded = percentDecode(rest)
  if (decoded === null) return consulText(400, "Invalid key: a % must be followed by two hexadecimal digits")
  if (!isPrintable(toText(decoded))) return consulText(400, "Invalid key: it has a character that cannot be printed")
  if (decoded.includes("..") && decoded.split("/").includes(".."))
    return consulText(400, "Invalid key: '..' is no part of a key")
  return decoded.startsWith("/") ? decoded.replace(/^\/+/, "") : decoded
}

/** The refusal where a write names a key that ovl alone writes, else null. */
export function refuseProtected(kvPrefix: string, key: string): Response | null {
  if (!isProtectedKey(kvPrefix, key)) return null
  const keys = `the keys below ${protectedPrefix(kvPrefix)}`
  return consulText(403, `Permission denied: ${keys} are read-only: networks change through ovl's own API`)
}

/** A key of the store below `kv/`, as Consul's clients know it. */
export function shownKey(storeKey: string): string {
  return storeKey.slice(KV_PREFIX.length)
}
