/**
 * How commands are agreed on. The engine proposes and is told what was applied; whether one server decides alone or a
 * majority of several does, it cannot see.
 */
import { OvlError } from "../base/errors.ts"
import type { Applied } from "./applied.ts"
import type { Keeper } from "./backend.ts"
import type { Sized } from "./command.ts"
import type { StoreStatus } from "./port.ts"

export interface Consensus {
  /** The state to read: whatever is decided shows in it as soon as the follower is told. */
  readonly state: Keeper
  /** Begins; from now on, and before this returns too, `follower` is told what happens. */
  begin(follower: StateFollower): void
  status(): StoreStatus
  /**
   * Resolves when the command is durable and reads show it, after the follower was told. Rejects with `store_busy`,
   * `store_full`, `store_failed`, `store_closed`, `not_leader`, `leader_changed`, and then nothing was done; and with
   * `outcome_unknown`. But for the last, nobody else's failure shows here.
   */
  propose(proposal: Sized): Promise<Applied>
  /** Resolves when reads here show all that was acknowledged anywhere before the call. Rejects with `no_leader`. */
  barrier(): Promise<void>
  /** Takes nothing more, and resolves when all that was taken is decided, or given up. */
  close(): Promise<void>
}

export interface StateFollower {
  /** The effects of commands, in order, before any of their proposers is answered. */
  onApplied(batch: Applied[]): void
  /** The state was replaced as a whole. */
  onInstalled(): void
  /** This member leads from now on, or does not any more. */
  onLead(leads: boolean): void
}

export function storeClosed(): OvlError {
  return new OvlError("store_closed", "use the store: it is closed", { kind: "unavailable" })
}
