/** `/metrics`: a handful of true numbers in Prometheus' text format (exposition format 0.0.4). */
import type { LocalNode } from "../../agent/port.ts"
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
      const text = (await samples(node)).map(render).join("")
      return new Response(text, { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } })
    },
  }),
]

interface Metric {
  name: string
  type: "gauge" | "counter"
  help: string
  values: [labels: Record<string, string>, value: number][]
}

async function samples(node: LocalNode): Promise<Metric[]> {
  const { kernel, health } = await node.status()
  const { catalog } = node
  const info = { version: node.version, node: node.name, role: node.role }
  return [
    gauge("ovl_info", "What runs here; always 1", 1, info),
    gauge("ovl_healthy", "1 when `ovl status` says ok", health === "ok" ? 1 : 0),
    gauge("ovl_networks", "Networks of the cluster", catalog.networks.size),
    gauge("ovl_endpoints", "Endpoints of the cluster, every node's", catalog.endpoints.size),
    gauge("ovl_local_endpoints", "Endpoints of this node", catalog.endpointsOfNode(node.id).length),
    { name: "ovl_nodes", type: "gauge", help: "Nodes of the cluster, by state", values: nodesByState(node) },
    gauge("ovl_catalog_revision", "The revision up to which this node knows the cluster", catalog.revision),
    ...(node.store ? [gauge("ovl_store_revision", "The store's last durable revision", node.store.revision)] : []),
    gauge("ovl_kernel_in_sync", "1 when the kernel holds what it should", kernel.inSync ? 1 : 0),
    { ...gauge("ovl_kernel_repairs_total", "Kernel objects put right", kernel.repairs), type: "counter" },
  ]
}

function gauge(name: string, help: string, value: number, labels: Record<string, string> = {}): Metric {
  return { name, type: "gauge", help, values: [[labels, value]] }
}

function nodesByState({ catalog }: LocalNode): Metric["values"] {
  const counts = { alive: 0, failed: 0, left: 0 }
  for (const record of catalog.nodes.values()) counts[nodeView(catalog, record, null).state]++
  return Object.entries(counts).map(([state, count]) => [{ state }, count])
}

function render({ name, type, help, values }: Metric): string {
  const lines = values.map(([labels, value]) => `${name}${renderLabels(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`
}

function renderLabels(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`)
  return pairs.length > 0 ? `{${pairs.join(",")}}` : ""
}
