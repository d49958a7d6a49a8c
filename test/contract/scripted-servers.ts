/** Servers of a scripted cluster as the daemon would put them together: stores that forward, over a network in memory. */
import type { Clock } from "../../src/base/clock.ts"
import { silentLog } from "../../src/base/log.ts"
import { systemClock } from "../../src/linux/system.ts"
import { leaderLink } from "../../src/registry/leader-link.ts"
import { forwardingStore } from "../../src/store/forwarding.ts"
import { storeHandler } from "../../src/store/forwarding-handler.ts"
import type { LeaderLink } from "../../src/store/forwarding-port.ts"
import type { Store } from "../../src/store/port.ts"
import { MemoryNetwork } from "../../src/transport/memory.ts"
import type { PeerHandler, PeerListener } from "../../src/transport/port.ts"
import { ScriptedCluster, type ScriptedMember } from "./scripted-cluster.ts"

export const SERVER_IDS = ["a", "b", "c"].map((digit) => digit.repeat(64))

export interface ScriptedServer {
  member: ScriptedMember
  /** Forwards to the leader. */
  store: Store
  link: LeaderLink
  address: string
  /** Answers what `store/...` calls do not: set by whoever has something to answer. */
  handler: PeerHandler
  listener: PeerListener
}

export class ScriptedServers {
  readonly cluster = new ScriptedCluster()
  readonly network = new MemoryNetwork()
  readonly servers: ScriptedServer[] = []
  readonly expect = { clusterId: "c".repeat(64), recoveryEpoch: 0 }

  /** The first one leads. */
  static async open(count: number, clock: Clock): Promise<ScriptedServers> {
    const all = new ScriptedServers()
    for (let n = 0; n < count; n++) await all.#add(SERVER_IDS[n]!, n, clock)
    all.cluster.lead(SERVER_IDS[0]!)
    return all
  }

  async close(): Promise<void> {
    for (const { link, listener, store } of this.servers) {
      link.close()
      await listener.close()
      await store.close()
    }
  }

  credentials(nodeId: string, name: string, role: "server" | "client") {
    return { identity: { nodeId, name, role }, signedBy: "ours", trusts: "ours" }
  }

  async #add(nodeId: string, n: number, clock: Clock): Promise<void> {
    const member = this.cluster.add(nodeId, clock)
    const credentials = this.credentials(nodeId, `swarm-0${n + 1}`, "server")
    const address = `192.168.1.5${n + 1}:8300`
    const link = leaderLink({
      replication: member.replication,
      addressOf: (id) => this.servers.find((server) => server.member.nodeId === id)?.address ?? null,
      connect: (to, timeoutMs) => this.network.connect({ address: to, expect: this.expect, credentials, timeoutMs }),
      clock: systemClock,
      log: silentLog,
    })
    const store = forwardingStore({ local: member.engine, replication: member.replication, leader: link, clock })
    const calls = storeHandler({ local: member.engine, isMember: () => true, clock })
    const none: PeerHandler = {
      call: async (method) => {
        throw new Error(`nobody answers ${method}`)
      },
      subscribe: (method) => {
        throw new Error(`nobody answers ${method}`)
      },
    }
    const handler: PeerHandler = {
      call: (method, params, context) =>
        calls.has(method) ? calls.call(method, params, context) : server.handler.call(method, params, context),
      subscribe: (...given) => server.handler.subscribe(...given),
    }
    const [host, port] = address.split(":") as [string, string]
    const listener = await this.network.listen({ host, port: Number(port), cluster: this.expect, handler, credentials })
    const server: ScriptedServer = { member, store, link, address, handler: none, listener }
    this.servers.push(server)
  }
}
