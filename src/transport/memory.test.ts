/** What the memory transport has beyond the contract: the hand of the simulation. */
import { expect, test } from "bun:test"
import { type MemoryCredentials, MemoryNetwork } from "./memory.ts"
import type { PeerHandler } from "./port.ts"

const CLUSTER = { clusterId: "cluster-a", recoveryEpoch: 0 }
const of = (nodeId: string, role: "server" | "client"): MemoryCredentials => ({
  identity: { nodeId, name: `swarm-${nodeId}`, role },
  signedBy: "ours",
  trusts: "ours",
})

async function pair(network: MemoryNetwork, seen: string[]) {
  const handler: PeerHandler = {
    call: async (_method, params) => params,
    subscribe: (_method, params, _context, publisher) => {
      for (let i = 0; i < (params as number); i++) publisher.send(i)
      publisher.end()
    },
    disconnected: (peer) => seen.push(`${peer.name} disconnected`),
  }
  await network.listen({ host: "10.0.0.1", port: 8300, cluster: CLUSTER, handler, credentials: of("1", "server") })
  return network.connect({ address: "10.0.0.1:8300", expect: CLUSTER, credentials: of("2", "client") })
}

test("a cut is noticed on both sides", async () => {
  const network = new MemoryNetwork()
  const seen: string[] = []
  const connection = await pair(network, seen)
  const gone = new Promise((resolve) => connection.onClose((error) => resolve(error?.code)))
  network.cut("2")
  expect(await gone).toBe("peer_closed")
  await Bun.sleep(1)
  expect(seen).toEqual(["swarm-2 disconnected"])
})

test("what was frozen arrives after the thaw, in order", async () => {
  const network = new MemoryNetwork()
  const connection = await pair(network, [])
  network.freeze("2")
  const answers = Promise.all([1, 2, 3].map((n) => connection.call("echo", n)))
  await Bun.sleep(5)
  network.thaw("2")
  expect(await answers).toEqual([1, 2, 3])
})

test("a schedule that shuffles deliveries keeps the order of each connection", async () => {
  let waiting: (() => void)[] = []
  // Last come, first served: the worst that a schedule can do.
  const network = new MemoryNetwork({
    schedule: (callback) => {
      if (waiting.length === 0) {
        setImmediate(() => {
          const now = waiting.reverse()
          waiting = []
          for (const run of now) run()
        })
      }
      waiting.push(callback)
    },
  })
  const connection = await pair(network, [])
  const got: unknown[] = []
  await new Promise((resolve) => connection.subscribe("count", 500, (message) => got.push(message), resolve))
  expect(got).toEqual(Array.from({ length: 500 }, (_, i) => i))
})
