/** Consul's `/v1/agent/`, as far as its clients look at it: this node, and the members that it knows. */
import type { ConsulEndpoint, LocalCall } from "./call.ts"
import { CONSUL_VERSION, DATACENTER, memberJson, members } from "./members.ts"
import { consulJson } from "./respond.ts"

const common = { local: true, methods: ["GET"] as "GET"[], access: "reading", bodyMaxBytes: 0 } as const

export const agentEndpoints: ConsulEndpoint[] = [
  { ...common, path: "/v1/agent/self", summary: "This node", handle: self },
  {
    ...common,
    path: "/v1/agent/members",
    summary: "All members, those included that have left",
    handle({ node: { catalog }, pretty }) {
      return consulJson(
        members(catalog, { left: true }).map((record) => memberJson(catalog, record)),
        pretty,
      )
    },
  },
  {
    ...common,
    path: "/v1/agent/metrics",
    summary: "A few numbers in Consul's form; /metrics has them all",
    handle: metrics,
  },
  {
    ...common,
    path: "/v1/agent/services",
    summary: "None: there is no service registry",
    handle: ({ pretty }) => consulJson({}, pretty),
  },
  {
    ...common,
    path: "/v1/agent/checks",
    summary: "None: there is no service registry",
    handle: ({ pretty }) => consulJson({}, pretty),
  },
]

function self({ node, pretty }: LocalCall): Response {
  const { catalog, id, name, role, version } = node
  const record = catalog.nodes.get(id)
  const config = {
    Datacenter: DATACENTER,
    PrimaryDatacenter: DATACENTER,
    NodeName: name,
    NodeID: id,
    Revision: `ovl-${version}`,
    Server: role === "server",
    Version: CONSUL_VERSION,
    BuildDate: "1970-01-01T00:00:00Z",
  }
  return consulJson(
    {
      Config: config,
      DebugConfig: {},
      Coord: null,
      Member: record ? memberJson(catalog, record) : null,
      Stats: {},
      Meta: {},
    },
    pretty,
  )
}

function metrics({ node, pretty, waits }: LocalCall): Response {
  const gauge = (name: string, value: number) => ({ Name: `ovl.${name}`, Value: value, Labels: {} })
  const gauges = [
    gauge("catalog.revision", node.catalog.revision),
    gauge("catalog.nodes", node.catalog.nodes.size),
    gauge("kv.waiters", waits.size),
    ...(node.store ? [gauge("store.revision", node.store.revision)] : []),
  ]
  const timestamp = new Date().toISOString().replace("T", " ").replace("Z", " +0000 UTC")
  return consulJson({ Timestamp: timestamp, Gauges: gauges, Points: [], Counters: [], Samples: [] }, pretty)
}
