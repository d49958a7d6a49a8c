/** Consul's `/v1/status/`: who leads, and who takes part in the store. */
import { OvlError } from "../../base/errors.ts"
import type { ClusterInfo } from "../../registry/port.ts"
import type { ConsulEndpoint, LocalCall } from "./call.ts"
import { raftAddress, servers } from "./members.ts"
import { consulJson } from "./respond.ts"

const common = { local: true, methods: ["GET"] as "GET"[], access: "reading", bodyMaxBytes: 0 } as const

export const statusEndpoints: ConsulEndpoint[] = [
  {
    ...common,
    path: "/v1/status/leader",
    summary: "ADDR:PORT of the leader, or an empty string",
    async handle(call: LocalCall) {
      const leader = (await clusterInfo(call))?.leader
      const record = leader ? call.node.catalog.nodes.get(leader) : undefined
      return consulJson(record ? raftAddress(record) : "", call.pretty)
    },
  },
  {
    ...common,
    path: "/v1/status/peers",
    summary: "ADDR:PORT of every server",
    async handle(call: LocalCall) {
      const info = await clusterInfo(call)
      return consulJson(info?.servers ?? servers(call.node.catalog).map(raftAddress), call.pretty)
    },
  },
]

/** Null where no server answers: then there is no leader that one could name. */
async function clusterInfo({ node }: LocalCall): Promise<ClusterInfo | null> {
  try {
    return await node.cluster.info()
  } catch (error) {
    if (error instanceof OvlError && error.kind === "unavailable") return null
    throw error
  }
}
