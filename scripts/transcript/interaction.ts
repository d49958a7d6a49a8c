/** The commands of conversations between servers, as in `rafttest` of etcd's library; each is described there. */
import { confChangeProposal, type Transition } from "../../src/raft/confchange/change.ts"
import { describeEntry, describeProgressOf, describeRole } from "../../src/raft/describe.ts"
import { isVoter } from "../../src/raft/quorum/joint.ts"
import { NO_DATA, type Refusal, type Snapshot } from "../../src/raft/types.ts"
import { Arguments } from "./arguments.ts"
import { parseChanges } from "./changes.ts"
import { Cluster, CommandError, refusalText, type ServerOptions } from "./cluster.ts"
import { type Case, FormatError } from "./datadriven.ts"

type Command = (cluster: Cluster, args: Arguments) => void

const COMMANDS: Record<string, Command> = {
  _breakpoint: () => undefined,
  "add-nodes": addNodes,
  campaign: (cluster, args) => first(cluster, args).node.campaign(),
  compact,
  "deliver-msgs": deliverMessages,
  "process-ready": each("handling Ready", (cluster, id) => cluster.processReady(id)),
  "process-append-thread": each("processing append thread", (cluster, id) => cluster.processAppendThread(id)),
  "process-apply-thread": each("processing apply thread", (cluster, id) => cluster.processApplyThread(id)),
  "log-level": (cluster, args) => fail(cluster.output.setLevel(args.word(0, "the level"))),
  "raft-log": (cluster, args) => printLog(cluster, args.number(args.word(0, "the server"))),
  "raft-state": printState,
  "set-randomized-election-timeout": (cluster, args) => {
    first(cluster, args).node.raft.randomizedElectionTimeout = args.number(args.option("timeout"))
  },
  stabilize,
  status: (cluster, args) => {
    const { raft } = first(cluster, args).node
    if (raft.role === "leader") cluster.output.write(describeProgressOf(raft.tracker))
  },
  "tick-election": (cluster, args) => tick(cluster, args, first(cluster, args).config.electionTicks),
  "tick-heartbeat": (cluster, args) => tick(cluster, args, first(cluster, args).config.heartbeatTicks),
  "transfer-leadership": (cluster, args) => {
    const to = args.number(args.option("to"))
    cluster.server(to)
    cluster.server(args.number(args.option("from"))).node.transferLeader(to)
  },
  "forget-leader": (cluster, args) => first(cluster, args).node.forgetLeader(),
  "send-snapshot": (cluster, args) => {
    const [from, to] = pair(args)
    cluster.sendSnapshot(from, to)
  },
  propose: (cluster, args) => {
    const data = new TextEncoder().encode(args.word(1, "what is proposed"))
    refused(first(cluster, args).node.propose([{ type: "EntryNormal", data }]))
  },
  "propose-conf-change": proposeConfChange,
  "report-unreachable": (cluster, args) => {
    const [on, about] = pair(args)
    cluster.server(on).node.reportUnreachable(about)
  },
}

export function interactionReplay(): (test: Case) => string {
  const cluster = new Cluster()
  return (test) => {
    const command = Object.hasOwn(COMMANDS, test.command) ? COMMANDS[test.command] : undefined
    if (command === undefined) throw new FormatError(test.line, `unknown command ${test.command}`)
    cluster.output.take()
    try {
      command(cluster, new Arguments(test))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      // Errors are printed even where nothing else is.
      return cluster.output.take() + error.message
    }
    return cluster.output.take() || "ok"
  }
}

function fail(why: string | undefined): void {
  if (why !== undefined) throw new CommandError(why)
}

function refused(refusal: Refusal | undefined): void {
  if (refusal !== undefined) fail(refusalText(refusal))
}

function first(cluster: Cluster, args: Arguments) {
  return cluster.server(args.number(args.word(0, "the server")))
}

function pair(args: Arguments): [number, number] {
  const [a, b, ...more] = args.ids()
  if (a === undefined || b === undefined || more.length > 0) args.fail("takes two servers")
  return [a, b]
}

function each(what: string, go: (cluster: Cluster, id: number) => void): Command {
  return (cluster, args) => {
    const ids = args.ids()
    for (const id of ids) {
      if (ids.length === 1) {
        go(cluster, id)
      } else {
        cluster.output.line(`> ${id} ${what}`)
        cluster.output.indented(() => go(cluster, id))
      }
    }
  }
}

/** What etcd's transcripts run with unless they say otherwise: no limits, and none of the safeguards. */
const TRANSCRIPT_OPTIONS: ServerOptions = {
  electionTicks: 3,
  heartbeatTicks: 1,
  asyncStorageWrites: false,
  maxBytesPerMessage: Infinity,
  maxApplyingBytes: Infinity,
  maxUncommittedBytes: Infinity,
  maxInflightMessages: Infinity,
  maxInflightBytes: Infinity,
  maxReads: Infinity,
  checkQuorum: false,
  preVote: false,
  leadNeedsOwnVote: false,
  confChangeNeedsOwnCommit: false,
  confChangeKeepsLeader: false,
  stepDownOnRemoval: false,
}

function addNodes(cluster: Cluster, args: Arguments): void {
  const options = { ...TRANSCRIPT_OPTIONS }
  const voters: number[] = []
  const learners: number[] = []
  let index = 0
  let data = NO_DATA
  const set: Record<string, (value: string) => unknown> = {
    voters: (value) => voters.push(args.number(value)),
    learners: (value) => learners.push(args.number(value)),
    inflight: (value) => (options.maxInflightMessages = args.number(value)),
    index: (value) => (options.applied = index = args.number(value)),
    content: (value) => (data = new TextEncoder().encode(value)),
    "async-storage-writes": (value) => (options.asyncStorageWrites = args.boolean(value)),
    prevote: (value) => (options.preVote = args.boolean(value)),
    checkquorum: (value) => (options.checkQuorum = args.boolean(value)),
    "max-committed-size-per-ready": (value) => (options.maxApplyingBytes = args.number(value)),
    "disable-conf-change-validation": (value) => (options.disableConfChangeValidation = args.boolean(value)),
    "read-only": (value) => (options.readOnly = readOnly(value)),
    "step-down-on-removal": (value) => (options.stepDownOnRemoval = args.boolean(value)),
  }
  for (const { key, values } of args.options(...Object.keys(set))) for (const value of values) set[key]!(value)
  const bootstraps = index > 0 || voters.length > 0 || learners.length > 0 || data.length > 0
  if (bootstraps && index <= 1) throw new CommandError("index must be specified as > 1 due to bootstrap")
  const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false }
  const snapshot: Snapshot = { index, term: bootstraps ? 1 : 0, confState, data }
  cluster.add(args.number(args.word(0, "how many")), snapshot, options)
}

function readOnly(value: string): "safe" | "leaseBased" {
  if (value === "safe") return "safe"
  if (value === "lease-based") return "leaseBased"
  throw new CommandError(`invalid read-only option ${JSON.stringify(value)}`)
}

function compact(cluster: Cluster, args: Arguments): void {
  const [id, index] = pair(args)
  if (!cluster.server(id).storage.compact(index)) fail("requested index is unavailable due to compaction")
  printLog(cluster, id)
}

function printLog(cluster: Cluster, id: number): void {
  const { storage } = cluster.server(id)
  const [firstIndex, lastIndex] = [storage.firstIndex(), storage.lastIndex()]
  if (lastIndex < firstIndex) {
    cluster.output.write(`log is empty: first index=${firstIndex}, last index=${lastIndex}`)
    return
  }
  const entries = storage.entries(firstIndex, lastIndex + 1, Infinity)!
  for (const entry of entries) cluster.output.line(describeEntry(entry))
}

function printState(cluster: Cluster): void {
  for (const { node } of cluster.servers) {
    const { id, role, term, lead, tracker } = node.raft
    const part = isVoter(tracker.configuration.voters, id) ? "(Voter)" : "(Non-Voter)"
    cluster.output.line(`${id}: ${describeRole(role)} ${part} Term:${term} Lead:${lead}`)
  }
}

function deliverMessages(cluster: Cluster, args: Arguments): void {
  const recipients = args.ids().map((id) => ({ id, drop: false }))
  let type: string | undefined
  for (const { key, values } of args.options("drop", "type")) {
    for (const value of values) {
      if (key === "type") {
        type = value
        continue
      }
      const id = args.number(value)
      if (recipients.some((other) => other.id === id)) args.fail(`can't both deliver and drop msgs to ${id}`)
      recipients.push({ id, drop: true })
    }
  }
  let count = 0
  for (const { id, drop } of recipients) count += cluster.deliver(id, drop, type)
  if (count === 0) cluster.output.line("no messages")
}

function stabilize(cluster: Cluster, args: Arguments): void {
  const level = args.options("log-level").at(-1)?.values[0]
  const ids = args.ids()
  const all = cluster.servers.map((_, i) => i + 1)
  fail(cluster.output.atLevel(level, () => cluster.stabilize(ids.length > 0 ? ids : all)))
}

function tick(cluster: Cluster, args: Arguments, count: number): void {
  const { node } = first(cluster, args)
  for (let i = 0; i < count; i++) node.tick()
}

const TRANSITIONS: Record<string, Transition> = {
  auto: "auto",
  implicit: "jointImplicit",
  explicit: "jointExplicit",
}

function proposeConfChange(cluster: Cluster, args: Arguments): void {
  let v1 = false
  let transition: Transition = "auto"
  for (const { key, values } of args.options("v1", "transition")) {
    const value = values[0]!
    if (key === "v1") {
      v1 = args.boolean(value)
    } else {
      const known = TRANSITIONS[value]
      if (known === undefined) throw new CommandError(`unknown transition ${value}`)
      transition = known
    }
  }
  const changes = parseChanges(args.input)
  if (typeof changes === "string") throw new CommandError(changes)
  if (v1 && (changes.length !== 1 || transition !== "auto")) {
    throw new CommandError("v1 conf change can only have one operation and no transition")
  }
  const type = v1 ? "EntryConfChange" : "EntryConfChangeV2"
  const proposal = confChangeProposal({ transition, changes, context: "" }, type)
  refused(first(cluster, args).node.propose([proposal]))
}
