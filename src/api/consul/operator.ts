/** Consul's `/v1/operator/`: who takes part in the store, who leads, and whether all of them keep up. For those who may do everything. */
import { OvlError } from "../../base/errors.ts"
import { MEMBER_LOST_MS } from "../../base/limits.ts"
import type { RaftServerView, RaftView } from "../../model/raft.ts"
import { consulText } from "../errors.ts"
import type { ConsulEndpoint, LocalCall } from "./call.ts"
import { toText } from "./decode.ts"
import { CONSUL_VERSION } from "./members.ts"
import { consulJson } from "./respond.ts"

const common = { local: true, access: "closed", bodyMaxBytes: 0 } as const

export const operatorEndpoints: ConsulEndpoint[] = [
  {
    ...common,
    path: "/v1/operator/raft/configuration",
    methods: ["GET"],
    summary: "The servers that keep the store",
    handle: configuration,
  },
  {
    ...common,
    path: "/v1/operator/raft/peer",
    methods: ["DELETE"],
    summary: "Take a server out of the store for good, by ?id= or ?address=",
    handle: removePeer,
  },
  {
    ...common,
    path: "/v1/operator/raft/transfer-leader",
    methods: ["POST"],
    summary: "Hand the lead over, to the server of ?id= or to the one that is furthest ahead",
    handle: transferLeader,
  },
  {
    ...common,
    path: "/v1/operator/autopilot/health",
    methods: ["GET"],
    summary: "Whether the store would survive the loss of a server",
    handle: health,
  },
]

/** Those that take part already; Consul knows no server that waits to be let in. */
async function raft({ node }: LocalCall): Promise<RaftView> {
  const view = await node.cluster.raft()
  if (view.leader === null) throw new OvlError("no_leader", "the servers: none of them leads", { kind: "unavailable" })
  return { ...view, servers: view.servers.filter(({ state }) => state !== "waiting") }
}

const isVoter = ({ role }: RaftServerView) => role !== "learner"

async function configuration(call: LocalCall): Promise<Response> {
  const { commit, servers } = await raft(call)
  const rows = servers.map((server) => ({
    ID: server.id,
    Node: server.name,
    Address: server.address,
    Leader: server.role === "leader",
    ProtocolVersion: "3",
    Voter: isVoter(server),
    LastIndex: server.match ?? 0,
  }))
  return consulJson({ Servers: rows, Index: commit }, call.pretty)
}

/** As Consul has it: exactly one of the two, and an address that nobody has is an error. */
async function removePeer(call: LocalCall): Promise<Response> {
  const id = toText(call.query.get("id") ?? "")
  const address = toText(call.query.get("address") ?? "")
  if (id === "" && address === "")
    return consulText(400, "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove")
  if (id !== "" && address !== "") return consulText(400, "Must specify only one of ?id or ?address")
  const { servers } = await raft(call)
  const found = servers.find((server) => (id === "" ? server.address === address : server.id === id))
  if (!found) {
    const wanted = id === "" ? `address "${address}"` : `id "${id}"`
    return consulText(500, `${wanted} was not found in the Raft configuration`)
  }
  await call.node.cluster.removeServer(found.id)
  return new Response(null)
}

async function transferLeader(call: LocalCall): Promise<Response> {
  const id = toText(call.query.get("id") ?? "")
  await call.node.cluster.transferLeader(id === "" ? null : id)
  return consulJson({ Success: true }, call.pretty)
}

/** Consul calls a server healthy that is alive, was just heard from, and lacks little. */
async function health(call: LocalCall): Promise<Response> {
  const { node, pretty } = call
  const view = await raft(call)
  const isHealthy = ({ state, lastContactMs }: RaftServerView) =>
    state === "alive" && (lastContactMs ?? 0) <= MEMBER_LOST_MS
  const voters = view.servers.filter(isVoter)
  const tolerance = voters.filter(isHealthy).length - (Math.floor(voters.length / 2) + 1)
  const rows = view.servers.map((server) => ({
    ID: server.id,
    Name: server.name,
    Address: server.address,
    SerfStatus: node.catalog.alive.has(server.id) ? "alive" : "failed",
    Version: CONSUL_VERSION,
    Leader: server.role === "leader",
    LastContact: `${server.lastContactMs ?? 0}ms`,
    LastTerm: view.term,
    LastIndex: server.match ?? 0,
    Healthy: isHealthy(server),
    Voter: isVoter(server),
    StableSince: node.catalog.nodes.get(server.id)?.joined ?? "1970-01-01T00:00:00Z",
  }))
  const healthy = view.leader !== null && view.servers.every(isHealthy)
  const answer = consulJson({ Healthy: healthy, FailureTolerance: Math.max(0, tolerance), Servers: rows }, pretty)
  // Consul's way to let a load balancer see it.
  return healthy ? answer : new Response(answer.body, { status: 429, headers: answer.headers })
}
