/** What of a server can be seen from outside, and what was last seen of it. */
import type { Raft } from "../../../src/raft/raft.ts"
import type { Configuration } from "../../../src/raft/tracker/tracker.ts"
import type { NodeId, Role } from "../../../src/raft/types.ts"
import type { SimDisk } from "../disk.ts"

export interface Observed {
  readonly id: NodeId
  readonly disk: SimDisk
  /** The core as it runs; null while the server does not. */
  readonly raft: Raft | null
  /** How far its state is; the core hears of it a little later. */
  readonly appliedIndex: number
}

/** The marks of a running core when it was last looked at. */
export class Seen {
  readonly raft: Raft
  term: number
  role: Role = "follower"
  committed: number
  applied: number
  /** How far its state was. */
  stateIndex: number
  firstIndex: number
  lastIndex: number
  /** The effects of entries up to here were told. */
  told: number
  configuration: Configuration | null = null

  /** `told`: effects of entries up to there are known already; `decided`: and that these are decided. */
  constructor(raft: Raft, told: number, decided: number) {
    this.stateIndex = told
    this.raft = raft
    this.term = raft.term
    this.committed = Math.min(raft.log.committed, decided)
    this.applied = raft.log.applied
    this.firstIndex = raft.log.firstIndex()
    this.lastIndex = raft.log.lastIndex()
    this.told = told
  }
}
