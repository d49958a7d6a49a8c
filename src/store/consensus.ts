/**
 * How commands are agreed on. The engine proposes and is told what was applied; whether one server decides alone or a
 * majority of several does, it cannot see.
 */
import type { Sized } from "./command.ts"
import type { Applied } from "./applied.ts"
import type { StoreStatus } from "./port.ts"

export interface Consensus {
  status(): StoreStatus
  /**
   * Resolves when the command is durable and reads show it, after the engine's `onApplied` was called with it.
   * Rejects with `store_busy`, `store_full`, `store_failed`, `store_closed`.
   */
  propose(proposal: Sized): Promise<Applied>
  /** Resolves when reads here show all that was acknowledged anywhere before the call. */
  barrier(): Promise<void>
  /** Takes nothing more, and resolves when all that was taken is decided. */
  close(): Promise<void>
}

/** Called with the effects of each commit, in order, before any of its proposers is answered. */
export type OnApplied = (batch: Applied[]) => void
