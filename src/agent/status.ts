/** `ovl status`: this node's and the cluster's health first, then facts. */
import type { OvlError } from "../base/errors.ts"
import { MTU_MAX_BYTES } from "../base/limits.ts"
import type { Catalog } from "../model/catalog.ts"
import type { NodeView, Problem, StatusView } from "../model/node.ts"
import type { RaftView } from "../model/raft.ts"
import { narrowestMember, nodeView, overlayMtu } from "../model/views.ts"
import type { ClusterInfo } from "../registry/port.ts"
import type { ReplicationStatus } from "../store/replication.ts"
import { overlapProblems } from "./overlapping-networks.ts"
import { serverProblems, toldAsServer } from "./status-servers.ts"

export interface KernelHealth {
  inSync: boolean
  lastReconcile: string | null
  /** Processor time of the last look at everything. */
  reconcileCpuMs: number | null
  repairs: number
  /** Why it is not in sync, a sentence each. */
  problems: string[]
  /** What others have put in ovl's way on this host, and that it must leave alone. */
  conflicts: Problem[]
}

export interface StatusFacts {
  nodeId: string
  /** What the node knows of itself before it has heard from the cluster. */
  self: Pick<NodeView, "name" | "address" | "role" | "version">
  catalog: Catalog
  /** Null: no server answers. */
  info: ClusterInfo | null
  /** The servers as the leader sees them, or where there is none, as this server does; null: neither is known. */
  servers: RaftView | null
  /** This server's own part in keeping the store; null on a client. */
  here: ReplicationStatus | null
  clusterId: string
  kernel: KernelHealth
  /** Where the ways to other nodes are narrower than they seem. */
  underlay: Problem[]
  /** Networks whose names are not served here. */
  names: Problem[]
  /** What asking the cluster came to, where it did not answer. */
  refusal: OvlError | null
}

/**
 * Pure: what the contract calls `status`. `degraded` means no leader, this kernel not in sync, or a voter lost: each has
 * its problem of level `error`; those that degrade nothing are of level `warning`, and come after them.
 */
export function statusView(facts: StatusFacts): StatusView {
  const { catalog, info } = facts
  const problems = [
    ...serverProblems(facts),
    ...kernelProblems(facts),
    ...mtuProblems(facts),
    ...facts.names,
    ...overlapProblems(catalog, facts.nodeId),
    ...nodeProblems(facts),
  ]
  problems.sort((a, b) => Number(a.level === "warning") - Number(b.level === "warning"))
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
    endpoints: info?.endpoints ?? catalog.endpoints.size,
    kernel: {
      inSync: facts.kernel.inSync,
      lastReconcile: facts.kernel.lastReconcile,
      reconcileCpuMs: facts.kernel.reconcileCpuMs,
      repairs: facts.kernel.repairs,
    },
    health:
      leader === null || !facts.kernel.inSync || problems.some(({ level }) => level === "error") ? "degraded" : "ok",
    problems,
  }
}

function kernelProblems(facts: StatusFacts): Problem[] {
  const notInSync = facts.kernel.problems.map(
    (message): Problem => ({
      code: "kernel_not_in_sync",
      message,
      hint: "ovl tries again by itself; see the daemon's log",
      level: "error",
    }),
  )
  return [...notInSync, ...facts.kernel.conflicts]
}

/** Ways that eat full-size frames, and networks for whose frames the underlay has become too narrow. */
function mtuProblems({ catalog, underlay }: StatusFacts): Problem[] {
  const narrowest = narrowestMember(catalog.nodes.values())
  const fits = narrowest ? overlayMtu(narrowest) : MTU_MAX_BYTES
  const tooWide = [...catalog.networks.values()].filter(({ mtu }) => mtu > fits)
  return [
    ...underlay,
    ...tooWide.map(
      ({ name, mtu }): Problem => ({
        code: "network_too_wide",
        message: `network ${name} has an MTU of ${mtu}, and node ${narrowest?.name} carries ${fits} by now`,
        hint: "full-size frames are lost: widen that node's underlay, or make the network anew without --mtu",
        level: "warning",
      }),
    ),
  ]
}

/** Nodes that are not heard from; of servers `serverProblems` says what it means. */
function nodeProblems(facts: StatusFacts): Problem[] {
  const { catalog } = facts
  return [...catalog.nodes.values()]
    .filter((node) => node.state === "member" && !catalog.alive.has(node.id) && !toldAsServer(facts, node.id))
    .map((node) => ({
      code: "node_failed",
      message: `node ${node.name} (${node.address}) is not heard from`,
      hint: `start its daemon, or take it out with \`ovl node rm ${node.name}\``,
      level: "warning",
    }))
}
