/** The servers that keep the store equal, as `raft ls` and `/api/v1/raft` show them; and what going on alone would cost. */
import { z } from "zod"

const raftServerViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** `ADDR:PORT` where other servers reach it. */
  address: z.string(),
  role: z.enum(["leader", "voter", "learner"]),
  /**
   * `waiting`: it has joined and is not among the servers yet. `leaving`: it is, and its membership has ended. `unknown`:
   * nobody leads, and so nobody can say.
   */
  state: z.enum(["alive", "failed", "waiting", "leaving", "unknown"]),
  /** The last entry that it is known to have on its disk; null where only the leader knows, as are the next three. */
  match: z.int().nullable(),
  /** Entries that the leader has and it has not. */
  lag: z.int().nullable(),
  progress: z.enum(["probe", "replicate", "snapshot"]).nullable(),
  /** Since the leader last heard from it, in milliseconds; 0 for the leader itself. */
  lastContactMs: z.number().nullable(),
  version: z.string(),
})
export type RaftServerView = z.infer<typeof raftServerViewSchema>

export const raftViewSchema = z.object({
  /** Name of the server that says this: the leader, or where there is none, the one that was asked. */
  source: z.string(),
  /** Name of the leader; null: none is known. */
  leader: z.string().nullable(),
  term: z.int(),
  commit: z.int(),
  applied: z.int(),
  /** By name. */
  servers: z.array(raftServerViewSchema),
})
export type RaftView = z.infer<typeof raftViewSchema>

/** What is known before a server goes on alone, for a person to compare with what the other survivors say. */
export const recoveryPreviewSchema = z.object({
  /** Name of the server that would go on alone. */
  node: z.string(),
  /** The last entry in its log. Of several survivors, the one whose (lastTerm, lastIndex) is highest has the most. */
  lastTerm: z.int(),
  lastIndex: z.int(),
  /** The last entry that it knows to be decided; those above it are adopted, decided or not. */
  commit: z.int(),
  /** Entries above `commit`. */
  undecided: z.int(),
  /** Since it last heard from a leader, in milliseconds: what was acknowledged since then may be lost. Null: never. */
  lastContactMs: z.number().nullable(),
  recoveryEpoch: z.int(),
  /** Names of the other servers, which would be removed for good. */
  removed: z.array(z.string()),
  /** Whether it has been carried out. */
  recovered: z.boolean(),
})
export type RecoveryPreview = z.infer<typeof recoveryPreviewSchema>
