/** The calls `store/...` between servers: their names, and what the small ones take. The large ones have a codec. */
import { z } from "zod"

export const STORE_METHODS = {
  transact: "store/transact",
  kv: "store/kv",
  grantLease: "store/grantLease",
  renewLease: "store/renewLease",
  revokeLease: "store/revokeLease",
  createSession: "store/createSession",
  destroySession: "store/destroySession",
  renewSession: "store/renewSession",
  invalidateNode: "store/invalidateNode",
  restoreBegin: "store/restore/begin",
  restorePiece: "store/restore/piece",
  restoreEnd: "store/restore/end",
  restoreAbort: "store/restore/abort",
} as const

export type SmallMethod = Exclude<
  keyof typeof STORE_METHODS,
  "transact" | "kv" | "restoreBegin" | "restorePiece" | "restoreEnd" | "restoreAbort"
>

/** An answer, and the revision at which the asker can read what was done. */
export interface Answered<T> {
  value: T
  revision: number
}

/** What the engine judges itself, only needs the right shape here. */
const id = z.strictObject({ id: z.string() })

export const PARAMS = {
  [STORE_METHODS.grantLease]: z.strictObject({ id: z.string(), ttlMs: z.number() }),
  [STORE_METHODS.renewLease]: id,
  [STORE_METHODS.revokeLease]: id,
  [STORE_METHODS.createSession]: z.strictObject({
    id: z.string(),
    name: z.string(),
    node: z.string(),
    behavior: z.enum(["release", "delete"]),
    lockDelayMs: z.number(),
    ttl: z.string(),
    ttlMs: z.number(),
    checks: z.array(z.string()),
  }),
  [STORE_METHODS.destroySession]: id,
  [STORE_METHODS.renewSession]: id,
  [STORE_METHODS.invalidateNode]: z.strictObject({ node: z.string() }),
  [STORE_METHODS.restoreBegin]: z.strictObject({
    id: z.string().max(64),
    scope: z.strictObject({ areas: z.array(z.string()), except: z.array(z.string()).optional() }),
  }),
  [STORE_METHODS.restorePiece]: z.strictObject({ id: z.string(), bytes: z.instanceof(Uint8Array) }),
  [STORE_METHODS.restoreEnd]: id,
  [STORE_METHODS.restoreAbort]: id,
}
