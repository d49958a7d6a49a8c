/**
 * Versions of the core and of its driver with one thing wrong, each the bug of some real system, or one that the simulation
 * found here. The simulation must notice every one of them: what it lets live shows where it is blind.
 */
import type { Patch } from "./patches.ts"

export interface Mutant {
  readonly name: string
  readonly patches: readonly Patch[]
}

const TAKE = "    if (ready.messages.length > 0) this.#send(ready.messages)\n"

function mutant(name: string, file: string, find: string, replace: string): Mutant {
  return { name, patches: [{ file, find, replace }] }
}

/** A message that attests a write leaves, or comes back to this server itself, before the write. */
function early(name: string, type: string, to: "self" | "others"): Mutant {
  const mine = to === "self" ? "===" : "!=="
  const go = to === "self" ? "this.#node.step(m)" : "this.#ports.send([m])"
  const loop = `    for (const m of ready.messagesAfterAppend) if (m.type === "${type}" && m.to ${mine} this.self) ${go}\n`
  return mutant(name, "store/replicated/driver.ts", TAKE, TAKE + loop)
}

const CORE: readonly Mutant[] = [
  mutant(
    "an entry of an old term is decided by counting",
    "raft/log/log.ts",
    "if (index <= this.committed || !this.matches({ index, term })) return false",
    "if (index <= this.committed || term === 0) return false",
  ),
  mutant(
    "a second vote in one term",
    "raft/election.ts",
    "(raft.vote === NONE && raft.lead === NONE) ||",
    "raft.lead === NONE ||",
  ),
  mutant(
    "a pre-vote counts as a vote given",
    "raft/election.ts",
    `  if (type === "MsgVote") {\n`,
    `  if (type === "MsgVote" || type === "MsgPreVote") {\n`,
  ),
  mutant(
    "a candidate leads before its own vote is stored",
    "raft/election.ts",
    "!raft.config.leadNeedsOwnVote ||",
    "raft.config.leadNeedsOwnVote ||",
  ),
  mutant(
    "a shorter log of the same length of term wins",
    "raft/log/log.ts",
    "return theirs.term > ours.term || (theirs.term === ours.term && theirs.index >= ours.index)",
    "return theirs.term >= ours.term",
  ),
  mutant(
    "the end of the log that conflicts is not cut off",
    "raft/log/unstable.ts",
    "      this.entries = [...entries]\n",
    "      this.entries = [...entries, ...this.entries.slice(Math.max(0, from + entries.length - this.offset))]\n",
  ),
  mutant(
    "heartbeats tell more as decided than matches",
    "raft/replication.ts",
    "const commit = Math.min(progress.match, raft.log.committed)",
    "const commit = raft.log.committed",
  ),
  mutant(
    "a read before the leader has decided anything",
    "raft/reads.ts",
    "if (committedInOwnTerm(raft)) confirm(raft, [request])",
    "if (raft.term > 0) confirm(raft, [request])",
  ),
  mutant(
    "a read without asking a quorum",
    "raft/reads.ts",
    `if (raft.config.readOnly === "leaseBased") {`,
    `if (raft.config.readOnly === "safe") {`,
  ),
  mutant(
    "members change before the leader has decided anything",
    "raft/proposals.ts",
    "if (raft.config.confChangeNeedsOwnCommit && !committedInOwnTerm(raft)) {",
    "if (raft.config.confChangeNeedsOwnCommit && raft.term === 0) {",
  ),
  {
    name: "two changes of the members at once",
    patches: [
      { file: "raft/proposals.ts", find: "if (raft.pendingConfIndex > applied) {", replace: "if (applied < 0) {" },
    ],
  },
  mutant(
    "a learner is counted",
    "raft/tracker/tracker.ts",
    "return jointCommittedIndex(this.configuration.voters, (id)",
    `const { voters, learners } = this.configuration
    return jointCommittedIndex({ ...voters, incoming: voters.incoming.union(learners) }, (id)`,
  ),
  {
    name: "a snapshot leads back",
    patches: [
      { file: "raft/follower.ts", find: "if (snapshot.index <= log.committed) return false", replace: "" },
      {
        file: "store/replicated/driver.ts",
        find: " && snapshot.index > this.raft.log.committed",
        replace: "",
      },
    ],
  },
  mutant(
    "a leader that lags hands its window on as acknowledged",
    "raft/tracker/progress.ts",
    "      this.next += count\n",
    "      this.next += count\n      this.match = Math.max(this.match, this.next - count - 1)\n",
  ),
]

const DRIVER: readonly Mutant[] = [
  early("the leader counts itself before its disk", "MsgAppResp", "self"),
  early("a follower acknowledges before its disk", "MsgAppResp", "others"),
  early("a vote is given before it is stored", "MsgVoteResp", "others"),
  early("a candidate counts itself before its disk", "MsgVoteResp", "self"),
  mutant(
    "the vote is not stored",
    "store/replicated/rounds.ts",
    "this.hardState = hardState ?? this.hardState",
    "this.hardState = hardState ? { ...hardState, vote: 0 } : this.hardState",
  ),
  mutant(
    "term and vote are stored only with entries",
    "store/replicated/rounds.ts",
    "this.hardState = hardState ?? this.hardState",
    "this.hardState = entries.length > 0 ? (hardState ?? this.hardState) : this.hardState",
  ),
  mutant(
    "what conflicts is written all the same",
    "store/replicated/rounds.ts",
    "if (first !== undefined) this.#cut(first.index)",
    "if (first === undefined) this.#cut(0)",
  ),
  mutant(
    "the applied index is written without the rows",
    "store/replicated/applied-state.ts",
    "flush: this.overlay.isFresh ? this.overlay.freeze() : null,",
    "flush: this.overlay.isFresh ? (this.overlay.freeze(), null) : null,",
  ),
  mutant(
    "rows are written without the applied index: applied twice after a crash",
    "store/replicated/applied-state.ts",
    "      applied: this.applied,\n",
    "      applied: this.#durable,\n",
  ),
  mutant(
    "a change of the members is forgotten when a write is tried again",
    "store/replicated/applied-state.ts",
    "    if (this.#frozen !== null) return this.#frozen\n",
    "    if (this.#frozen !== null) {\n      this.#membersChanged = false\n      return this.#frozen\n    }\n",
  ),
  mutant(
    "who was alone takes for decided what is behind a change of the members",
    "store/replicated/core-storage.ts",
    "if (isConfChange(entry)) return at\n",
    "if (entry.index < 0) return at\n",
  ),
  mutant(
    "the members are not stored with the state",
    "store/replicated/applied-state.ts",
    "? { confState: this.confState, members: this.members }",
    "? { confState: undefined, members: undefined }",
  ),
  mutant(
    "it goes on after a write that failed",
    "store/replicated/driver.ts",
    `else if (error.code === "store_full") this.#isFull(error)\n      else this.#fail(error)`,
    `else if (error.code === "store_full") this.#isFull(error)\n      else this.#succeeded(writing)`,
  ),
  mutant(
    "what nobody knows is called not done",
    "store/replicated/fates.ts",
    "      this.#take(index)?.settle({ error: outcomeUnknown() })\n    }",
    "      this.#take(index)?.settle({ error: leaderChanged() })\n    }",
  ),
  mutant(
    "reads have the numbers of an earlier life",
    "store/replicated/driver.ts",
    "const firstRead = (1 + ports.random(2 ** 30)) * 2 ** 20",
    "const firstRead = 1",
  ),
  mutant(
    "a read does not wait for what it must show",
    "store/replicated/barriers.ts",
    "this.#confirmed.push({ index, readers: asked.readers })",
    "for (const { settle } of asked.readers) settle(index < 0 ? noLeader() : null)",
  ),
  mutant(
    "the log is cut beyond what is stored of the state",
    "store/replicated/compaction.ts",
    "Math.min(durable, disk.lastIndex() - kept,",
    "Math.min(disk.lastIndex() - kept,",
  ),
]

export const MUTANTS: readonly Mutant[] = [...CORE, ...DRIVER]
