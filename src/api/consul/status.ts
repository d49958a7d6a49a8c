/** Consul's `/v1/status/`: who leads, and who takes part in the store. */
import type { ConsulCall, ConsulEndpoint } from "./call.ts"
import { consulJson } from "./respond.ts"

export const statusEndpoints: ConsulEndpoint[] = [
  {
    path: "/v1/status/leader",
    methods: ["GET"],
    access: "reading",
    summary: "ADDR:PORT of the leader, or an empty string",
    bodyMaxBytes: 0,
    async handle({ node, pretty }: ConsulCall) {
      const { leader } = await node.cluster.info()
      const address = leader === null ? null : node.catalog.nodes.get(leader)?.peerAddress
      return consulJson(address ?? "", pretty)
    },
  },
  {
    path: "/v1/status/peers",
    methods: ["GET"],
    access: "reading",
    summary: "ADDR:PORT of every server",
    bodyMaxBytes: 0,
    async handle({ node, pretty }: ConsulCall) {
      return consulJson((await node.cluster.info()).servers, pretty)
    },
  },
]
