/** What a server is started with. `raftConfig` fills in what ovl runs with; transcripts and tests set every knob. */
import { assert } from "../base/assert.ts"
import {
  RAFT_APPEND_MAX_BYTES,
  RAFT_APPLY_MAX_BYTES,
  RAFT_ELECTION_TICKS,
  RAFT_HEARTBEAT_TICKS,
  RAFT_INFLIGHT_MAX_BYTES,
  RAFT_INFLIGHT_MAX_MESSAGES,
  RAFT_READS_MAX,
  RAFT_UNCOMMITTED_MAX_BYTES,
} from "../base/limits.ts"
import type { Storage } from "./log/storage.ts"
import type { NodeId } from "./types.ts"

/**
 * How a leader makes sure that it still is one before it lets a read through. `safe` asks a quorum (thesis 6.4).
 * `leaseBased` trusts that nobody else was elected since a quorum was last heard from: wrong when clocks drift or a
 * process is stopped for a while, so it is never what ovl uses (thesis 6.4.1).
 */
export type ReadOnlyOption = "safe" | "leaseBased"

export type LogLevel = "debug" | "info" | "warn" | "error"

export interface RaftConfig {
  readonly id: NodeId
  readonly storage: Storage
  /** A number from 0 up to but not including `below`; all the chance there is. */
  readonly random: (below: number) => number
  /** Told in words what happens; never called where it happens often. */
  readonly log: ((level: LogLevel, text: string) => void) | undefined
  /** What was applied before the restart; entries up to here are not handed out again. */
  readonly applied: number
  /** A follower that hears nothing for one to two of these spans, drawn anew each time, campaigns (section 5.2). */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** Committed entries are handed out only once durable here, and acknowledgements come whenever they come. */
  readonly asyncStorageWrites: boolean
  /** Of the entries in one append; 0 for one entry at a time. */
  readonly maxBytesPerMessage: number
  /** Of the committed entries that are handed out and not yet acknowledged. */
  readonly maxApplyingBytes: number
  /** Of the payload that a leader holds uncommitted before it refuses more. */
  readonly maxUncommittedBytes: number
  /** Of the window to one follower. */
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
  /** Reads that wait for their confirmation. */
  readonly maxReads: number
  /** A leader that does not hear from a quorum within an election timeout steps down (thesis 6.2). */
  readonly checkQuorum: boolean
  /** Ask whether an election could be won before disturbing anybody with it (thesis 9.6). */
  readonly preVote: boolean
  readonly readOnly: ReadOnlyOption
  /** A follower refuses proposals instead of sending them on. */
  readonly disableProposalForwarding: boolean
  /** Whoever proposes changes of the configuration checks them, and the leader does not. */
  readonly disableConfChangeValidation: boolean
  /**
   * Lead only once one's own vote is durable, even if those of others are a majority. After a crash a server would else know
   * nothing of the term, stand in it again, get the same votes again, and make other entries with the same terms and
   * indexes. etcd does not wait.
   */
  readonly leadNeedsOwnVote: boolean
  /** Change the configuration only after an entry of one's own term is committed (Ongaro 2015). etcd does not. */
  readonly confChangeNeedsOwnCommit: boolean
  /**
   * A leader takes no change that ends its own vote: it must hand over first. Because a change counts from when it is
   * applied, those who stay may need the vote of who is gone, and it may refuse: it has entries that they have not.
   */
  readonly confChangeKeepsLeader: boolean
  /** A leader that is removed or made a learner steps down at once (etcd-io/raft issue 83). */
  readonly stepDownOnRemoval: boolean
}

type Defaults = Omit<RaftConfig, "id" | "storage" | "random">

const DEFAULTS: Defaults = {
  log: undefined,
  applied: 0,
  electionTicks: RAFT_ELECTION_TICKS,
  heartbeatTicks: RAFT_HEARTBEAT_TICKS,
  asyncStorageWrites: true,
  maxBytesPerMessage: RAFT_APPEND_MAX_BYTES,
  maxApplyingBytes: RAFT_APPLY_MAX_BYTES,
  maxUncommittedBytes: RAFT_UNCOMMITTED_MAX_BYTES,
  maxInflightMessages: RAFT_INFLIGHT_MAX_MESSAGES,
  maxInflightBytes: RAFT_INFLIGHT_MAX_BYTES,
  maxReads: RAFT_READS_MAX,
  checkQuorum: true,
  preVote: true,
  readOnly: "safe",
  disableProposalForwarding: false,
  disableConfChangeValidation: false,
  leadNeedsOwnVote: true,
  confChangeNeedsOwnCommit: true,
  confChangeKeepsLeader: true,
  stepDownOnRemoval: true,
}

/** A checked configuration; what is not given is as ovl runs it. */
export function raftConfig(
  required: Pick<RaftConfig, "id" | "storage" | "random">,
  options: Partial<Defaults> = {},
): RaftConfig {
  const config = { ...DEFAULTS, ...options, ...required }
  assert(Number.isSafeInteger(config.id) && config.id > 0, `a server's id is a positive integer, not ${config.id}`)
  assert(config.heartbeatTicks > 0, "heartbeats need at least one tick between them")
  assert(config.electionTicks > config.heartbeatTicks, "an election timeout must outlast a heartbeat")
  assert(config.maxInflightMessages > 0, "at least one message must be allowed on its way")
  assert(config.maxInflightBytes >= config.maxBytesPerMessage, "the window must hold at least one message")
  assert(config.maxApplyingBytes > 0, "at least something must be allowed to be applied")
  assert(config.readOnly === "safe" || config.checkQuorum, "a lease needs a leader that checks its quorum")
  return config
}
