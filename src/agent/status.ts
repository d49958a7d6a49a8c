/** `ovl status`: this node's and the cluster's health first, then facts. */
import type { OvlError } from "../base/errors.ts"
import type { Catalog } from "../model/catalog.ts"
import type { NodeView, Problem, StatusView } from "../model/node.ts"
import { nodeView } from "../model/views.ts"
import type { ClusterInfo } from "../registry/port.ts"

export interface KernelHealth {
  inSync: boolean
  lastReconcile: string | null
  repairs: number
  /** Why it is not in sync, a sentence each. */
  problems: string[]
}

export interface StatusFacts {
  nodeId: string
  /** What the node knows of itself before it has heard from the cluster. */
  self: Pick<NodeView, "name" | "address" | "role" | "version">
  catalog: Catalog
  /** Null: no server answers. */
  info: ClusterInfo | null
  clusterId: string
  kernel: KernelHealth
  /** What asking the cluster came to, where it did not answer. */
  refusal: OvlError | null
}

/** Pure: what the contract calls `status`. `degraded` means no leader, this kernel not in sync, or a voter lost. */
export function statusView(facts: StatusFacts): StatusView {
  const { catalog, info } = facts
  const problems = [...serverProblems(facts), ...kernelProblems(facts), ...nodeProblems(catalog)]
  const voters = [...catalog.nodes.values()].filter((node) => node.voter && node.state === "member")
  const lostVoter = info !== null && voters.some((node) => !catalog.alive.has(node.id))
  const leader = info?.leader ? (catalog.nodes.get(info.leader)?.name ?? null) : null
  const self = catalog.nodes.get(facts.nodeId)
  return {
    node: self
      ? nodeView(catalog, self, info?.leader ?? null)
      : { ...facts.self, id: facts.nodeId, voter: false, leader: false, state: "failed" },
    cluster: {
      id: facts.clusterId,
      leader,
      term: info?.term ?? 0,
      index: info?.index ?? catalog.revision,
      servers: [...catalog.nodes.values()].filter((node) => node.role === "server" && node.state === "member").length,
      nodes: [...catalog.nodes.values()].filter((node) => node.state === "member").length,
    },
    networks: catalog.networks.size,
    endpoints: catalog.endpoints.size,
    kernel: {
      inSync: facts.kernel.inSync,
      lastReconcile: facts.kernel.lastReconcile,
      repairs: facts.kernel.repairs,
    },
    health: leader === null || !facts.kernel.inSync || lostVoter ? "degraded" : "ok",
    problems,
  }
}

function serverProblems({ info, refusal }: StatusFacts): Problem[] {
  if (info?.leader) return []
  if (refusal?.kind === "forbidden")
    return [
      {
        code: refusal.code,
        message: `the cluster refuses this node: ${refusal.message}`,
        hint: "if it was removed: `ovl down --all` clears it, then `ovl join` with a new token",
      },
    ]
  return [
    {
      code: "no_leader",
      message: refusal?.message ?? "the cluster has no leader",
      hint: "the data plane goes on; start a server again, or check the way to it",
    },
  ]
}

function kernelProblems(facts: StatusFacts): Problem[] {
  return facts.kernel.problems.map((message) => ({
    code: "kernel_not_in_sync",
    message,
    hint: "ovl tries again by itself; see the daemon's log",
  }))
}

function nodeProblems(catalog: Catalog): Problem[] {
  return [...catalog.nodes.values()]
    .filter((node) => node.state === "member" && !catalog.alive.has(node.id))
    .map((node) => ({
      code: "node_failed",
      message: `node ${node.name} (${node.address}) is not heard from`,
      hint: `start its daemon, or take it out with \`ovl node rm ${node.name}\``,
    }))
}
