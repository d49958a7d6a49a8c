/**
 * Clients of a cluster in one process: the real registry, agents and links over a network in memory, kernels in memory,
 * and data directories on disk. The servers are several doors to one store: each can be shut, and a client started again.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Identity } from "../../src/agent/identity.ts"
import { ServerLink } from "../../src/agent/server-link.ts"
import type { Log } from "../../src/base/log.ts"
import { silentLog } from "../../src/base/log.ts"
import { type Agent, assembleAgent } from "../../src/daemon/assemble.ts"
import { FakeKernel } from "../../src/kernel/fake.ts"
import { systemClock, systemRandom } from "../../src/linux/system.ts"
import { createClusterIfNew } from "../../src/registry/bootstrap.ts"
import { type LocalCluster, openCluster } from "../../src/registry/cluster-on-store.ts"
import { FakeReplication } from "../../src/registry/replication-fake.ts"
import { clusterHandler } from "../../src/registry/rpc-handler.ts"
import { remoteCluster } from "../../src/registry/rpc-remote.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import type { Store } from "../../src/store/port.ts"
import { createKeyAndRequest } from "../../src/transport/certificates.ts"
import { MemoryNetwork } from "../../src/transport/memory.ts"
import type { PeerListener } from "../../src/transport/port.ts"

const SERVER_ID = "a".repeat(64)
const FACTS = { version: "1", underlayMtu: 1500, bootId: "b" }
const UNDERLAY = {
  links: [{ name: "e0", mtu: 1500, up: true }],
  routes: [{ dst: "default", via: "192.168.1.1", device: "e0" }],
}

export class TestClient {
  readonly identity: Identity
  readonly kernel = new FakeKernel({ facts: UNDERLAY })
  readonly runDir: string
  readonly dataDir: string
  readonly warnings: string[] = []
  /** Servers that were named when it was started. */
  named: string[] = []
  agent!: Agent
  link!: ServerLink
  readonly #fixture: ClientFixture

  constructor(fixture: ClientFixture, identity: Identity) {
    this.#fixture = fixture
    this.identity = identity
    this.runDir = join(fixture.dir, identity.name, "run")
    this.dataDir = join(fixture.dir, identity.name, "data")
    mkdirSync(join(this.runDir, "workloads"), { recursive: true })
    mkdirSync(this.dataDir, { recursive: true })
  }

  /** As the daemon starts; gives whether it had something on disk to restore. */
  start(): boolean {
    const { network } = this.#fixture
    const { identity, runDir, dataDir, kernel } = this
    const log: Log = { ...silentLog, warn: (message) => this.warnings.push(message) }
    const credentials = { identity: { nodeId: identity.nodeId, name: identity.name, role: identity.role } }
    this.link = new ServerLink({
      servers: () => [...new Set([...identity.servers, ...this.named])],
      credentials: { cert: "", key: "", ca: "" },
      expect: () => ({ clusterId: identity.clusterId, recoveryEpoch: identity.recoveryEpoch }),
      onEpoch: (epoch) => {
        identity.recoveryEpoch = epoch
      },
      start: 0,
      clock: systemClock,
      log,
      connect: (options) =>
        network.connect({ ...options, credentials: { ...credentials, signedBy: "ours", trusts: "ours" } }),
    })
    const { link } = this
    const cluster = remoteCluster({
      connection: () => link.connection(),
      distrust: (connection) => link.distrust(connection),
      clock: systemClock,
    })
    this.agent = assembleAgent({ identity, runDir, dataDir, kernel, cluster, listenForNames: null, log })
    const restored = this.agent.restore()
    this.agent.replica.start()
    return restored
  }

  /** `kill -9`, or an end in good order, which writes down what is not written yet. */
  stop(): void {
    this.agent.close()
    this.link.close()
  }

  /** A namespace that somebody else made. */
  guest(name: string): void {
    this.kernel.apply([{ op: "netns-add", ns: `/run/netns/${name}` }], "best-effort")
  }

  attach(network: string, name: string) {
    return this.agent.endpoints.attach({ network, netns: name, name })
  }

  /** The rows of all networks here, as `ip` and `bridge` would show them. */
  rows(): string[] {
    return this.kernel.listHidden().flatMap(({ netns }) => {
      const seen = this.kernel.observeNetwork(netns)
      return (seen?.fdb ?? []).map((row) => `${row.mac} dst ${row.dst}`)
    })
  }

  /** Names of the endpoints that this client knows. */
  known(): string[] {
    return [...this.agent.replica.catalog.endpoints.values()].map((each) => each.name).sort()
  }
}

export class ClientFixture {
  readonly dir = mkdtempSync(join(tmpdir(), "ovl-client-"))
  readonly network = new MemoryNetwork()
  readonly store: Store
  readonly cluster: LocalCluster
  readonly clients: TestClient[] = []
  readonly #doors = new Map<string, PeerListener>()

  private constructor(store: Store, cluster: LocalCluster) {
    this.store = store
    this.cluster = cluster
  }

  static async start(): Promise<ClientFixture> {
    const where = { clock: systemClock, random: systemRandom }
    const store = openMemoryStore({ clock: systemClock })
    const self = { id: SERVER_ID, name: "s1", address: "192.168.1.51", peerAddress: "192.168.1.51:8300", ...FACTS }
    await createClusterIfNew(store, { ...where, kvPrefix: "ovl", self })
    const replication = new FakeReplication(SERVER_ID)
    const cluster = openCluster({ store, replication, ...where, log: silentLog, self: SERVER_ID })
    const fixture = new ClientFixture(store, cluster)
    await fixture.open("192.168.1.51:8300")
    return fixture
  }

  /** A server begins to answer at this address. */
  async open(address: string, recoveryEpoch = 0): Promise<void> {
    const [host = "", port = ""] = address.split(":")
    const listener = await this.network.listen({
      host,
      port: Number(port),
      cluster: { clusterId: this.cluster.record.id, recoveryEpoch },
      handler: clusterHandler(this.cluster),
      credentials: { identity: { nodeId: SERVER_ID, name: "s1", role: "server" }, signedBy: "ours", trusts: "ours" },
    })
    this.#doors.set(address, listener)
  }

  async shut(address: string): Promise<void> {
    await this.#doors.get(address)?.close()
    this.#doors.delete(address)
  }

  async client(name: string, address: string, named: string[] = []): Promise<TestClient> {
    const { token } = await this.cluster.createToken({})
    const { csrPem } = await createKeyAndRequest({ nodeId: "x", name })
    const answer = await this.cluster.join({ token, csrPem, name, address, role: "client", ...FACTS })
    const { kvPrefix, clusterId, recoveryEpoch } = answer
    const known = { format: 1 as const, nodeId: answer.node.id, name, role: "client" as const, kvPrefix, clusterId }
    const secrets = { certPem: "", keyPem: "", caPem: "" }
    const { servers } = answer
    const client = new TestClient(this, { ...known, recoveryEpoch, address, servers, ...secrets })
    client.named = named
    client.start()
    this.clients.push(client)
    await client.agent.synced
    await this.cluster.heartbeat(answer.node.id)
    return client
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.stop()
    for (const listener of this.#doors.values()) await listener.close()
    this.cluster.close()
    await this.store.close()
    rmSync(this.dir, { recursive: true })
  }
}

export async function soon(holds: () => boolean, what: () => string): Promise<void> {
  for (let n = 0; n < 1_000 && !holds(); n++) await Bun.sleep(5)
  if (!holds()) throw new Error(`did not come true: ${what()}`)
}
