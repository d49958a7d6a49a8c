/** What `status` has to say about the servers: who leads, who is lost or lags, and how many more may be lost. Pure. */
import { MEMBER_LAG_MAX_ENTRIES } from "../base/limits.ts"
import type { Problem } from "../model/node.ts"
import type { RaftServerView, RaftView } from "../model/raft.ts"
import type { StatusFacts } from "./status.ts"

/** The part of a node's facts that is about servers. */
type ServerFacts = Pick<StatusFacts, "info" | "servers" | "here" | "refusal" | "catalog">

export function serverProblems(facts: ServerFacts): Problem[] {
  const failure = facts.here?.failure
  if (failure) return [{ code: failure.code, message: failure.message, hint: failure.hint, level: "error" }]
  if (!facts.info?.leader) return [noLeader(facts)]
  const lost = lostVoters(facts)
  const { servers } = facts
  if (!servers) return lost.map((voter) => ({ ...voterProblem(voter, null), level: "error" }))
  const voters = votersOf(servers)
  return [
    ...lost.map(
      (voter): Problem => ({
        ...voterProblem(voter, voters.length - lost.length - majority(voters.length)),
        level: "error",
      }),
    ),
    ...servers.servers.filter((server) => server.role === "learner" && lags(server)).map(learnerProblem),
    ...countProblems(voters, servers),
  ]
}

/** Whether a node that is not heard from is told of as a server already. */
export function toldAsServer(facts: ServerFacts, nodeId: string): boolean {
  if (!facts.info?.leader) return false
  const isLearner = facts.servers?.servers.some(({ id, role }) => id === nodeId && role === "learner")
  return isLearner || lostVoters(facts).some(({ id }) => id === nodeId)
}

interface LostVoter {
  id: string
  name: string
  address: string
  /** Since the leader heard from it; null where that is not known. */
  silentMs: number | null
}

/** By what the leader says; where it did not answer, by the nodes' records and signs of life. */
function lostVoters({ servers, catalog }: ServerFacts): LostVoter[] {
  if (servers?.leader)
    return votersOf(servers)
      .filter(({ state }) => state === "failed")
      .map(({ id, name, address, lastContactMs }) => ({ id, name, address, silentMs: lastContactMs }))
  return [...catalog.nodes.values()]
    .filter((node) => node.voter && node.state === "member" && !catalog.alive.has(node.id))
    .map(({ id, name, address, peerAddress }) => ({ id, name, address: peerAddress ?? address, silentMs: null }))
}

function votersOf({ servers }: RaftView): RaftServerView[] {
  return servers.filter(({ role }) => role !== "learner")
}

const majority = (voters: number) => Math.floor(voters / 2) + 1

function voterProblem({ name, address, silentMs }: LostVoter, spare: number | null): Omit<Problem, "level"> {
  const since = silentMs === null ? "is not heard from" : `has not been heard from for ${duration(silentMs)}`
  const left = spare === null ? "" : spare > 0 ? `; ${spare} more may be lost` : "; no other one may be lost now"
  return {
    code: "voter_lost",
    message: `server ${name} (${address}) ${since}${left}`,
    hint: `start its daemon; if it is gone for good: \`ovl raft rm ${name}\`, and add another with \`ovl join --server\``,
  }
}

function lags({ state, lag }: RaftServerView): boolean {
  return state === "failed" || (lag ?? 0) >= MEMBER_LAG_MAX_ENTRIES
}

function learnerProblem({ name, lag, state, progress }: RaftServerView): Problem {
  const where = state === "failed" ? "is not heard from" : `is ${lag} entries behind`
  return {
    code: "learner_lagging",
    message: `server ${name} has no vote yet: it ${where}${progress === "snapshot" ? " and loads the store" : ""}`,
    hint:
      state === "failed"
        ? `start its daemon, or take it out with \`ovl raft rm ${name}\``
        : "it gets its vote by itself",
    level: "warning",
  }
}

function countProblems(voters: readonly RaftServerView[], { servers }: RaftView): Problem[] {
  const onTheirWay = servers.length > voters.length
  if (voters.length === 1 && !onTheirWay)
    return [
      {
        code: "single_server",
        message: "the store is on one server only: with it goes the cluster",
        hint: "add two: `ovl token create --role server`, then `ovl join --server`; or keep copies with `ovl snapshot save`",
        level: "warning",
      },
    ]
  if (voters.length % 2 === 1 || onTheirWay) return []
  return [
    {
      code: "even_voters",
      message: `${voters.length} servers vote: no more of them may be lost than of ${voters.length - 1}`,
      hint: "add one more server, or take one out",
      level: "warning",
    },
  ]
}

function noLeader({ refusal, here, servers, catalog }: ServerFacts): Problem {
  const level = "error"
  if (refusal?.kind === "forbidden")
    return {
      code: refusal.code,
      message: `the cluster refuses this node: ${refusal.message}`,
      hint: "if it was removed: `ovl down --all` clears it, then `ovl join` with a new token",
      level,
    }
  const code = "no_leader"
  if (!here || !servers) {
    const message = refusal?.message ?? "the cluster has no leader"
    return { code, message, hint: "the data plane goes on; start a server again, or check the way to it", level }
  }
  const apart = votersOf(servers).filter(({ id }) => id !== here.self)
  const missing = apart.filter(({ state }) => state === "failed")
  const others = missing.length > 0 ? missing : apart
  const names = others.map(({ id, name }) => catalog.nodes.get(id)?.name ?? name).join(", ")
  const since = here.lastContactMs === null ? "" : `; the last leader was heard ${duration(here.lastContactMs)} ago`
  const voters = votersOf(servers).length
  return {
    code,
    message: `no server leads: ${majority(voters)} of ${voters} must run and reach each other${since}`,
    hint:
      names === ""
        ? "this server waits for the one that lets it in; is it up?"
        : `the data plane goes on; start ${names}, or check the way there; if they are gone for good: \`ovl raft recover\``,
    level,
  }
}

/** `900 ms`, `12 s`, `3 min`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  return `${Math.round(ms / 60_000)} min`
}
