/** Consul's `/v1/operator/`: who takes part in the store, and whether all of them do. For those who may do everything. */
import type { NodeRecord } from "../../model/node.ts"
import { consulText } from "../errors.ts"
import type { ConsulEndpoint, LocalCall } from "./call.ts"
import { CONSUL_VERSION, raftAddress, servers } from "./members.ts"
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
    summary: "Take a server out of the store: not available in this version",
    handle: () => consulText(500, "operator raft peer: not available in this version"),
  },
  {
    ...common,
    path: "/v1/operator/autopilot/health",
    methods: ["GET"],
    summary: "Whether the store would survive the loss of a server",
    handle: health,
  },
]

async function configuration({ node, pretty }: LocalCall): Promise<Response> {
  const { leader, index } = await node.cluster.info()
  const rows = servers(node.catalog).map((record) => ({
    ID: record.id,
    Node: record.name,
    Address: raftAddress(record),
    Leader: record.id === leader,
    ProtocolVersion: "3",
    Voter: record.voter,
    LastIndex: index,
  }))
  return consulJson({ Servers: rows, Index: index }, pretty)
}

async function health({ node, pretty }: LocalCall): Promise<Response> {
  const { leader, term, index } = await node.cluster.info()
  const isHealthy = ({ id }: NodeRecord) => node.catalog.alive.has(id)
  const records = servers(node.catalog)
  const voters = records.filter(({ voter }) => voter)
  const tolerance = voters.filter(isHealthy).length - (Math.floor(voters.length / 2) + 1)
  const rows = records.map((record) => ({
    ID: record.id,
    Name: record.name,
    Address: raftAddress(record),
    SerfStatus: isHealthy(record) ? "alive" : "failed",
    Version: CONSUL_VERSION,
    Leader: record.id === leader,
    LastContact: "0s",
    LastTerm: term,
    LastIndex: index,
    Healthy: isHealthy(record),
    Voter: record.voter,
    StableSince: record.joined,
  }))
  const healthy = leader !== null && records.every(isHealthy)
  const answer = consulJson({ Healthy: healthy, FailureTolerance: Math.max(0, tolerance), Servers: rows }, pretty)
  // Consul's way to let a load balancer see it.
  return healthy ? answer : new Response(answer.body, { status: 429, headers: answer.headers })
}
