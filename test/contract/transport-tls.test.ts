/** The transport over real TLS on loopback against the contract. */
import type { PeerIdentity, PeerListener } from "../../src/transport/port.ts"
import { connectTls, listenTls } from "../../src/transport/tls.ts"
import { connectStranger } from "../../src/transport/tls-connect.ts"
import { byteProxy, credentialsOf, testAuthorities } from "./transport-tls-fixture.ts"
import { transportContract } from "./transport.ts"
import type { SignedBy, TransportHarness } from "./transport-harness.ts"
import { postsContract } from "./transport-posts.ts"
import { raftContract } from "./transport-raft.ts"
import { trustContract } from "./transport-trust.ts"

async function makeHarness(): Promise<TransportHarness> {
  const { ours } = await testAuthorities()
  const listeners: PeerListener[] = []
  const undo: (() => void)[] = []
  const credentials = async (as: PeerIdentity, signedBy: SignedBy) => ({
    ...(await credentialsOf(as, signedBy)),
    ca: ours.certPem,
  })
  return {
    listen: async (options, as, signedBy = "ours") => {
      const own = await credentials(as, signedBy)
      const listener = await listenTls({ host: "127.0.0.1", port: 0, ...options, credentials: own })
      listeners.push(listener)
      return { listener, address: `127.0.0.1:${listener.port}` }
    },
    connect: async (options, as, signedBy = "ours") => {
      const connection = await connectTls({ ...options, credentials: await credentials(as, signedBy) })
      undo.push(() => connection.close())
      return connection
    },
    connectStranger: (options) => connectStranger({ ...options, ca: ours.certPem }),
    connectHeld: async (options, as) => {
      const proxy = await byteProxy(Number(options.address.split(":")[1]))
      undo.push(() => proxy.close())
      const address = `127.0.0.1:${proxy.port}`
      const connection = await connectTls({ ...options, address, credentials: await credentials(as, "ours") })
      return { connection, freeze: proxy.freeze, thaw: proxy.thaw }
    },
    dispose: async () => {
      for (const close of undo) close()
      await Promise.all(listeners.map((listener) => listener.close()))
    },
  }
}

transportContract("TLS", makeHarness)
postsContract("TLS", makeHarness)
trustContract("TLS", makeHarness)
raftContract("TLS", makeHarness)
