/**
 * A daemon's API without a daemon: the real application, listeners, client, registry and store (in memory), over a node
 * whose kernel side is made up. Each fixture has a directory of its own, which goes with it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ask } from "../../src/agent/forward.ts"
import { pairOf, pairsOf } from "../../src/agent/ping-pairs.ts"
import type { LocalNode } from "../../src/agent/port.ts"
import { Audit, type AuditLine, type AuditScope } from "../../src/api/audit.ts"
import { parseHttpAddress } from "../../src/api/address.ts"
import type { EventView } from "../../src/model/event.ts"
import { createApp } from "../../src/api/app.ts"
import type { ConsulSettings } from "../../src/api/consul/settings.ts"
import { Waits } from "../../src/api/consul/waits.ts"
import type { Application } from "../../src/api/context.ts"
import { answerForwarded } from "../../src/api/forward.ts"
import { type ApiListener, listenTcp, listenUnix } from "../../src/api/listen.ts"
import { OvlError } from "../../src/base/errors.ts"
import { gauge } from "../../src/base/measures.ts"
import type { LogFields } from "../../src/base/log.ts"
import { type Client, createClient } from "../../src/client/client.ts"
import { withForwarding } from "../../src/daemon/peers.ts"
import { systemClock, systemRandom } from "../../src/linux/system.ts"
import { Catalog } from "../../src/model/catalog.ts"
import type { AttachSpec } from "../../src/model/endpoint.ts"
import type { KernelView } from "../../src/model/kernel-view.ts"
import { pingNumbers } from "../../src/model/ping-numbers.ts"
import { nodeView } from "../../src/model/views.ts"
import type { EnterSpec, RunSpec, WorkloadView } from "../../src/model/workload.ts"
import { createClusterIfNew } from "../../src/registry/bootstrap.ts"
import { type LocalCluster, openCluster } from "../../src/registry/cluster-on-store.ts"
import { networkNotFound } from "../../src/registry/networks.ts"
import { FakeReplication } from "../../src/registry/replication-fake.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import type { Store } from "../../src/store/port.ts"
import { MemoryNetwork } from "../../src/transport/memory.ts"
import type { PeerConnection } from "../../src/transport/port.ts"

export const SELF = "a".repeat(64)
const OTHER = "b".repeat(64)

export interface Fixture {
  node: LocalNode & { replication: FakeReplication; left: boolean; emit(event: EventView): void; listeners: number }
  store: Store
  socket: string
  /** `http://127.0.0.1:PORT`. */
  url: string
  client: Client
  tokens: { server: string; client: string }
  dir: string
  /** How many blocking queries wait at this moment, and how many places they take in the store. */
  readonly waiters: number
  readonly storeWaits: number
  /** What the application reported as its own mistakes. */
  internalErrors: LogFields[]
  /** What the audit had to tell: of the node that is asked and, before it, of the server that it passes requests on to. */
  audit: { lines: AuditLine[]; atServer: AuditLine[] }
  /** Cuts a client off from its server. */
  losePeers(): Promise<void>
  close(): Promise<void>
}

export interface FixtureOptions {
  /** A client passes everything of Consul's on to a server, over a connection as between nodes. */
  role?: "server" | "client"
  store?: Store
  consul?: Partial<ConsulSettings>
  audit?: AuditScope
}

export async function openFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const dir = mkdtempSync(join(tmpdir(), `ovl-api-${process.pid}-`))
  const store = options.store ?? openMemoryStore({ clock: systemClock })
  const node = await makeNode(store, dir)
  const waiting = countWaits(store)
  const internalErrors: LogFields[] = []
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (_message: string, fields: LogFields = {}) => void internalErrors.push(fields),
  }
  const waits = new Waits()
  const { consul } = options
  const audit = { lines: [] as AuditLine[], atServer: [] as AuditLine[] }
  const auditTo = (lines: AuditLine[]) => {
    const sink = { line: (line: AuditLine) => void lines.push(line), leftOut() {} }
    return new Audit({ scope: options.audit ?? "changes", node: node.name, clock: systemClock, sinks: [sink] })
  }
  const isClient = options.role === "client"
  const server = createApp(node, { log, consul, waits, audit: auditTo(isClient ? audit.atServer : audit.lines) })
  const peers = isClient ? await connectPeers(node, server) : null
  const client = peers && asClient(node, peers.connection)
  const app = client ? createApp(client, { log, consul, audit: auditTo(audit.lines) }) : server
  const socket = join(dir, "ovl.sock")
  const listeners: ApiListener[] = [await listenUnix(app, socket), listenTcp(app, parseHttpAddress("127.0.0.1:0")!)]
  const made = await Promise.all((["server", "client"] as const).map((role) => node.cluster.createToken({ role })))
  return {
    node,
    store,
    socket,
    url: `http://${listeners[1]!.address}`,
    client: createClient({ socket }),
    tokens: { server: made[0]!.token, client: made[1]!.token },
    dir,
    internalErrors,
    audit,
    get waiters() {
      return waits.size
    },
    get storeWaits() {
      return waiting.open
    },
    async losePeers() {
      await peers?.close()
    },
    async close() {
      await Promise.all(listeners.map((listener) => listener.close()))
      await peers?.close()
      await store.close()
      rmSync(dir, { recursive: true })
    },
  }
}

function countWaits(store: Store): { open: number } {
  const counts = { open: 0 }
  const waitFor = store.waitFor.bind(store)
  store.waitFor = (target, wake) => {
    counts.open++
    const wait = waitFor(target, () => {
      counts.open--
      wake()
    })
    return {
      cancel() {
        counts.open--
        wait.cancel()
      },
    }
  }
  return counts
}

/** A connection from a client to the server, as between nodes but inside this process. */
async function connectPeers(node: LocalNode, server: Application) {
  const network = new MemoryNetwork()
  const cluster = { clusterId: "c".repeat(64), recoveryEpoch: 0 }
  const credentials = (role: "server" | "client") => ({
    identity: { nodeId: SELF, name: node.name, role },
    signedBy: "authority",
    trusts: "authority",
  })
  const listener = await network.listen({
    host: "127.0.0.1",
    port: 0,
    cluster,
    handler: withForwarding(node.cluster as LocalCluster, answerForwarded.bind(null, server)),
    credentials: credentials("server"),
  })
  const address = `127.0.0.1:${listener.port}`
  const connection = await network.connect({ address, expect: cluster, credentials: credentials("client") })
  return { connection, close: () => listener.close() }
}

/** The same node as one that keeps no store and asks a server. */
function asClient(node: LocalNode, connection: PeerConnection): LocalNode {
  const forward: LocalNode["forward"] = (question, signal) => ask(connection, question, { signal, clock: systemClock })
  return Object.assign(Object.create(node) as LocalNode, { store: null, server: null, role: "client", forward })
}

async function makeNode(store: Store, runDir: string): Promise<Fixture["node"]> {
  const self = { id: SELF, name: "swarm-01", address: "192.168.1.51", peerAddress: "192.168.1.51:8300" }
  const facts = { version: "0.1.0", underlayMtu: 1500, bootId: "boot" }
  const clock = systemClock
  await createClusterIfNew(store, { clock, random: systemRandom, kvPrefix: "swarm", self: { ...self, ...facts } })
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const replication = new FakeReplication(SELF)
  const cluster = openCluster({ store, replication, clock, random: systemRandom, log, self: SELF })
  const catalog = new Catalog()
  const waiting = new Set<() => void>()
  cluster.follow(
    0,
    // A little late, as over a network: what was written must be waited for.
    (batch) =>
      void setTimeout(() => {
        catalog.apply(batch)
        for (const look of [...waiting]) look()
      }, 3),
    () => {},
  )
  const waitFor = (revision: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (catalog.revision < revision) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  while (!catalog.nodes.has(SELF)) await Bun.sleep(1)
  const workloads = new Map<string, WorkloadView>()
  const listeners = new Set<(event: EventView) => void>()
  const history: EventView[] = []
  const workload = (name: string) => {
    const found = workloads.get(name)
    if (found) return found
    throw new OvlError("workload_not_found", `workload ${name}: not found`, { kind: "not_found" })
  }
  const node: Fixture["node"] = {
    id: SELF,
    name: self.name,
    role: "server",
    kvPrefix: "swarm",
    version: facts.version,
    runDir,
    cluster,
    catalog,
    look: async () => catalog,
    store,
    server: {
      status: () => replication.status(),
      view: () => cluster.raftHere(),
      refusal: () => null,
      measures: () => [gauge("ovl_raft_proposals_waiting", "Made up", 3)],
      recoveryPreview: () => cluster.recoveryPreview(),
      recover: async () => {
        const preview = cluster.recoveryPreview()
        await replication.recoverAlone()
        await cluster.settleRecovery(1)
        return { ...preview, recovered: true }
      },
    },
    replication,
    left: false,
    waitFor,
    probe: async () => [],
    ping: async (request, onLine = () => {}) => {
      const { sides } = pairOf(catalog, request)
      onLine({ pair: sides })
      const reply = { seq: 1, ms: 0.5, why: null }
      onLine({ reply })
      const view = { ...sides, ...pingNumbers([reply]), replies: [reply], problem: null }
      onLine({ view })
      return view
    },
    pingNetwork: async (reference, { family }) => {
      const network = catalog.findNetwork(reference)
      if (!network) throw networkNotFound(reference)
      const pairs = pairsOf(catalog, network.id, family ?? null).map(({ sides }) => {
        const replies = [{ seq: 1, ms: null, why: "host unreachable" }]
        return { ...sides, ...pingNumbers(replies), replies, problem: null }
      })
      return { network: network.name, pairs, failed: pairs.length }
    },
    localPart: (id) => ({ netns: `/run/netns/1-${id.slice(0, 10)}`, bridge: "br0", vxlan: "vxlan1" }),
    kernelPart: (id) => (catalog.findNetwork(id)?.name === "elsewhere" ? null : kernelViewOf(id)),
    async attach(spec: AttachSpec) {
      const network = catalog.findNetwork(spec.network)
      if (!network) throw networkNotFound(spec.network)
      const name = spec.name ?? "unnamed"
      const endpoint = {
        networkId: network.id,
        nodeId: SELF,
        workload: name,
        name,
        ip: spec.ip ?? null,
        mac: spec.mac ?? null,
      }
      const rest = {
        ifname: spec.ifname ?? "eth0",
        netns: spec.netns ?? null,
        netnsId: null,
        origin: "attach" as const,
        egress: null,
      }
      const { endpoints, revision } = await cluster.createEndpoints([{ ...endpoint, ...rest }])
      await waitFor(revision)
      return endpoints[0]!
    },
    async detach(reference) {
      const found = catalog.findEndpoint(reference)
      if (!found) throw new OvlError("endpoint_not_found", `endpoint ${reference}: not found`, { kind: "not_found" })
      await waitFor((await cluster.removeEndpoints([found.id])).revision)
    },
    async connect(reference, { workload }) {
      const network = catalog.findNetwork(reference)
      if (!network) throw networkNotFound(reference)
      const first = [...catalog.endpointsOfWorkload(workload)][0]
      if (!first) throw new OvlError("workload_not_found", `no workload ${workload}`, { kind: "not_found" })
      const { nodeId, netns, netnsId, origin } = first
      const name = `${workload}.${network.name}`
      const place = { nodeId, workload, name, netns, netnsId, origin, ifname: "eth1", egress: null }
      const wish = { ...place, networkId: network.id, ip: null, mac: null }
      const { endpoints, revision } = await cluster.createEndpoints([wish])
      await waitFor(revision)
      return endpoints[0]!
    },
    async disconnect(reference, workload) {
      const found = catalog.findEndpoint(`${workload}.${reference}`)
      if (!found) throw new OvlError("not_connected", `${workload}: not on ${reference}`, { kind: "not_found" })
      await waitFor((await cluster.removeEndpoints([found.id])).revision)
    },
    async run(spec: RunSpec) {
      const name = spec.name ?? "unnamed"
      const view: WorkloadView = {
        id: OTHER,
        name,
        node: self.name,
        pid: null,
        command: spec.command ?? [],
        status: "running",
        exitCode: null,
        networks: spec.networks,
        ports: [],
        created: "2026-01-01T00:00:00.000Z",
      }
      workloads.set(name, view)
      writeFileSync(join(runDir, `${name}.log`), "first line\n")
      return { workload: view, enter: enterSpec(name) }
    },
    async workloadStarted(name, pid) {
      workload(name).pid = pid
    },
    async workloadEnded(name, exitCode) {
      Object.assign(workload(name), { status: "exited", exitCode, pid: null })
    },
    workloads: () => [...workloads.values()],
    enter: (name) => enterSpec(workload(name).name),
    async stop(name, { graceMs }) {
      Object.assign(workload(name), { status: "exited", exitCode: graceMs === 0 ? 137 : 143, pid: null })
    },
    async remove(name, { force }) {
      if (workload(name).status === "running" && !force) {
        throw new OvlError("workload_running", `workload ${name}: it is running`, { kind: "conflict" })
      }
      workloads.delete(name)
    },
    logPath: (name) => join(runDir, `${workload(name).name}.log`),
    async status() {
      const { id, term, index } = await cluster.info()
      return {
        node: nodeView(catalog, catalog.nodes.get(SELF)!, SELF),
        cluster: { id, leader: self.name, term, index, servers: 1, nodes: catalog.nodes.size },
        networks: catalog.networks.size,
        endpoints: catalog.endpoints.size,
        kernel: { inSync: true, lastReconcile: null, repairs: 0, reconcileCpuMs: null },
        health: "ok",
        problems: [],
      }
    },
    async leave() {
      node.left = true
    },
    events(onEvent, { since = Infinity } = {}) {
      for (const event of history) if (Date.parse(event.time) >= since) onEvent(event)
      listeners.add(onEvent)
      return () => listeners.delete(onEvent)
    },
    emit: (event) => {
      history.push(event)
      listeners.forEach((listener) => void listener(event))
    },
    get listeners() {
      return listeners.size
    },
    measures: () => [],
    forward: () => Promise.reject(new Error("a server forwards nothing")),
  }
  return node
}

/** One row that is missing in a kernel that is made up. */
function kernelViewOf(id: string): KernelView {
  const row = { device: "vxlan1", endpoint: "w2", expected: "10.1.0.3 lladdr 02:42:0a:01:00:03 PERMANENT" }
  return {
    netns: `/run/netns/1-${id.slice(0, 10)}`,
    inSync: false,
    rows: [{ ...row, object: "neigh", state: "missing", found: null }],
  }
}

function enterSpec(name: string): EnterSpec {
  const files = { hosts: "/h", hostnameFile: "/n", resolvConf: "/r" }
  return { name, netns: `/run/netns/${name}`, hostname: name, ...files, hide: ["/run/ovl"], pid: null, env: [] }
}

export interface RawAnswer {
  status: number
  headers: Headers
  text: string
}

/** A request written by hand, byte for byte, as no polite client would; the connection is closed after the answer. */
export async function rawRequest(url: string, lines: string[], body = ""): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const chunks: Buffer[] = []
  const done = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_socket, data) => void chunks.push(Buffer.from(data)),
      close: () => done.resolve(),
      error: () => done.resolve(),
    },
  })
  socket.write(Buffer.from(`${[...lines, "Connection: close"].join("\r\n")}\r\n\r\n${body}`, "latin1"))
  await done.promise
  const answer = Buffer.concat(chunks).toString("latin1")
  const end = answer.indexOf("\r\n\r\n")
  const [first = "", ...fields] = answer.slice(0, end).split("\r\n")
  const headers = new Headers(fields.map((line) => line.split(/: */, 2) as [string, string]))
  return { status: Number(first.split(" ")[1]), headers, text: answer.slice(end + 4) }
}

/** A GET on a connection of its own (fetch has only so many); `answer` is what comes first, `close` breaks it off. */
export async function openRequest(url: string, target: string): Promise<{ answer: Promise<string>; close(): void }> {
  const { hostname, port } = new URL(url)
  const { promise: answer, resolve } = Promise.withResolvers<string>()
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: { data: (_socket, data) => resolve(data.toString("latin1")), close: () => resolve("") },
  })
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  return { answer, close: () => socket.end() }
}

/** A body that is sent in chunks, without a length. */
export function chunked(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(stream) {
      stream.enqueue(bytes)
      stream.close()
    },
  })
}
