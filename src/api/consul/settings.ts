/** What an operator may set of the Consul-compatible API; the defaults are Consul's. */
import { KV_VALUE_MAX_BYTES, SESSION_TTL_MIN_MS, TXN_OPERATIONS_MAX } from "../../base/limits.ts"

export interface ConsulSettings {
  /** Consul's `session_ttl_min`. */
  sessionTtlMinMs: number
  /** Consul's `limits.kv_max_value_size`. */
  valueMaxBytes: number
  txnOperationsMax: number
}

export const DEFAULT_SETTINGS: ConsulSettings = {
  sessionTtlMinMs: SESSION_TTL_MIN_MS,
  valueMaxBytes: KV_VALUE_MAX_BYTES,
  txnOperationsMax: TXN_OPERATIONS_MAX,
}
