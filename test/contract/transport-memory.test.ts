/** The transport in memory against the contract. */
import { MemoryNetwork } from "../../src/transport/memory.ts"
import { transportContract } from "./transport.ts"
import type { TransportHarness } from "./transport-harness.ts"
import { postsContract } from "./transport-posts.ts"
import { raftContract } from "./transport-raft.ts"
import { trustContract } from "./transport-trust.ts"

async function makeHarness(): Promise<TransportHarness> {
  const network = new MemoryNetwork()
  const trusts = "ours"
  return {
    listen: async (options, as, signedBy = "ours") => {
      const credentials = { identity: as, signedBy, trusts }
      const listener = await network.listen({ host: "10.0.0.1", port: 0, ...options, credentials })
      return { listener, address: `10.0.0.1:${listener.port}` }
    },
    connect: (options, as, signedBy = "ours") =>
      network.connect({ ...options, credentials: { identity: as, signedBy, trusts } }),
    connectStranger: (options) => network.connectStranger({ ...options, trusts }),
    connectHeld: async (options, as) => {
      const connection = await network.connect({ ...options, credentials: { identity: as, signedBy: "ours", trusts } })
      return { connection, freeze: () => network.freeze(as.nodeId), thaw: () => network.thaw(as.nodeId) }
    },
    dispose: async () => {},
  }
}

transportContract("memory", makeHarness)
postsContract("memory", makeHarness)
trustContract("memory", makeHarness)
raftContract("memory", makeHarness)
