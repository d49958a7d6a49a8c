/** What applying a command has done: what its proposer is told, and what whoever follows the state must know. */
import type { Entry, Session, WatchEvent } from "./port.ts"
import type { Problem } from "./verbs.ts"

/** What became of a command. Compares are all checked first, then the leases that its puts name, then it is done. */
export type Outcome =
  | { type: "done"; changed: number[] }
  | { type: "compare_failed"; failed: number }
  | { type: "lease_unknown"; lease: string }
  | { type: "kv"; results: { index: number; entry: Entry }[]; problems: Problem[] }
  | { type: "session_exists" }
  | { type: "session"; session: Session }
  /** The pieces of the snapshot are not there, or not all: another restore took their place. */
  | { type: "pieces_lost" }
  /** They are there, and make no sound snapshot. */
  | { type: "snapshot_invalid"; why: string }

/** What has become of a lease or a session. */
export interface HolderChange {
  id: string
  session: boolean
  /** Null: it is gone. A `ttlMs` of 0 never ends. */
  present: { ttlMs: number; grantRevision: number } | null
}

/** The effect of one command. */
export interface Applied {
  /** The revision that it made; where nothing changed, the last one. */
  revision: number
  changed: boolean
  outcome: Outcome
  /** The keys that it changed, each once, as they are after it. */
  events: WatchEvent[]
  /** It changed so many that they are not listed: `events` is empty. */
  wide: boolean
  holders: HolderChange[]
  /** Keys that sessions lost by ending, and for how long nobody may lock them. */
  freed: { key: string; lockDelayMs: number }[]
}
