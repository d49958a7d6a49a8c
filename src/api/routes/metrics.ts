/** `/metrics`: true numbers in Prometheus' text format (exposition format 0.0.4). */
import type { LocalNode } from "../../agent/port.ts"
import { counter, gauge, type Labels, type Measure } from "../../base/measures.ts"
import type { RaftServerView, RaftView } from "../../model/raft.ts"
import { nodeView } from "../../model/views.ts"
import { type Route, route } from "../route.ts"

export const metricsRoutes: Route[] = [
  route({
    method: "GET",
    path: "/metrics",
    summary: "Numbers about this node and what it knows of the cluster, for Prometheus",
    requirement: "open",
    answer: { status: 200, type: "text/plain; version=0.0.4" },
    async handle({ node }) {
      const text = (await measuresOf(node)).map(render).join("")
      return new Response(text, { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } })
    },
  }),
]

async function measuresOf(node: LocalNode): Promise<Measure[]> {
  const { kernel, health, problems } = await node.status()
  const { catalog, server, store } = node
  const info = { version: node.version, node: node.name, role: node.role }
  return [
    gauge("ovl_info", "What runs here; always 1", 1, info),
    gauge("ovl_healthy", "1 when `ovl status` says ok", health === "ok" ? 1 : 0),
    byLabel("ovl_problems", "What `ovl status` names, by code", "code", tally(problems.map(({ code }) => code))),
    gauge("ovl_networks", "Networks of the cluster", catalog.networks.size),
    gauge(
      "ovl_endpoints",
      "Endpoints that this node knows: on a server every node's, on a client those of its networks",
      catalog.endpoints.size,
    ),
    gauge("ovl_local_endpoints", "Endpoints of this node", catalog.endpointsOfNode(node.id).length),
    byLabel("ovl_nodes", "Nodes of the cluster, by state", "state", nodesByState(node)),
    gauge("ovl_catalog_revision", "The revision up to which this node knows the cluster", catalog.revision),
    ...(store ? [gauge("ovl_store_revision", "The store's last durable revision", store.revision)] : []),
    gauge("ovl_kernel_in_sync", "1 when the kernel holds what it should", kernel.inSync ? 1 : 0),
    counter("ovl_kernel_repairs_total", "Kernel objects put right", kernel.repairs),
    ...(kernel.reconcileCpuMs === null
      ? []
      : [seconds("ovl_kernel_reconcile_cpu_seconds", RECONCILE_HELP, kernel.reconcileCpuMs)]),
    ...node.measures(),
    ...(server ? [...raftMeasures(server.status()), ...memberMeasures(server.view()), ...server.measures()] : []),
  ].filter(({ values }) => values.length > 0)
}

/** This server's part; what it has no number for is left out rather than made up. */
function raftMeasures(status: ReturnType<NonNullable<LocalNode["server"]>["status"]>): Measure[] {
  const { role, leader, term, commit, applied, lastIndex, logEntries, lastContactMs, failure } = status
  const contact = lastContactMs === null ? [] : [seconds("ovl_raft_last_contact_seconds", CONTACT_HELP, lastContactMs)]
  return [
    gauge("ovl_raft_is_leader", "1 on the server that leads", role === "leader" ? 1 : 0),
    gauge("ovl_raft_has_leader", "1 where a leader is known", leader === null ? 0 : 1),
    gauge("ovl_raft_term", "The term that this server is in", term),
    gauge("ovl_raft_commit_index", "The last entry known to be decided", commit),
    gauge("ovl_raft_applied_index", "The last entry whose effects show", applied),
    gauge("ovl_raft_last_index", "The last entry in this server's log", lastIndex),
    gauge("ovl_raft_log_entries", "Entries kept in this server's log", logEntries),
    gauge("ovl_raft_failed", "1 when the store has stopped after a failed write", failure === null ? 0 : 1),
    ...contact,
  ]
}

const RECONCILE_HELP = "Processor time of the last look at all that ovl has in the kernel"

const CONTACT_HELP = "Since this server heard from a leader; 0 on the leader"

/** How far the others are is known to the leader alone. */
function memberMeasures({ servers }: RaftView): Measure[] {
  const voters = servers.filter(({ role }) => role !== "learner").length
  const each = (value: (server: RaftServerView) => number | null): Measure["values"] =>
    servers.flatMap((server) => {
      const known = value(server)
      return known === null ? [] : [[{ server: server.name, id: server.id }, known] as const]
    })
  return [
    byLabel("ovl_raft_members", "Servers, by whether they vote", "role", {
      voter: voters,
      learner: servers.length - voters,
    }),
    {
      name: "ovl_raft_member_last_contact_seconds",
      type: "gauge",
      help: "On the leader: since it heard from a server",
      values: each(({ lastContactMs }) => (lastContactMs === null ? null : lastContactMs / 1_000)),
    },
    {
      name: "ovl_raft_member_lag_entries",
      type: "gauge",
      help: "On the leader: entries that a server has not got yet",
      values: each(({ lag }) => lag),
    },
    {
      name: "ovl_raft_member_alive",
      type: "gauge",
      help: "1 for a server that is heard from",
      values: each(({ state }) => (state === "failed" ? 0 : 1)),
    },
  ]
}

function seconds(name: string, help: string, ms: number): Measure {
  return gauge(name, help, ms / 1_000)
}

function byLabel(name: string, help: string, label: string, values: Record<string, number>): Measure {
  return { name, type: "gauge", help, values: Object.entries(values).map(([key, value]) => [{ [label]: key }, value]) }
}

function tally(words: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

function nodesByState({ catalog }: LocalNode): Record<string, number> {
  const counts = { alive: 0, failed: 0, left: 0 }
  for (const record of catalog.nodes.values()) counts[nodeView(catalog, record, null).state]++
  return counts
}

function render({ name, type, help, values }: Measure): string {
  const lines = values.map(([labels, value]) => `${name}${renderLabels(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`)
  return pairs.length > 0 ? `{${pairs.join(",")}}` : ""
}
