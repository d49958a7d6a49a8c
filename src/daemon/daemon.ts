/**
 * The daemon: the one place where the real adapters are put together. It comes up in an order in which every step can
 * be undone, and is ready when its socket answers; going down it leaves the data plane as it is.
 */
import { bootstrap, withPeerPort } from "../agent/bootstrap.ts"
import { bootId, defaultNodeName } from "../agent/host.ts"
import { ensurePrivateDir, type Identity, loadIdentity, saveIdentity } from "../agent/identity.ts"
import { acquireDaemonLock } from "../agent/lock.ts"
import { Node, type NodeParts } from "../agent/node.ts"
import { kernelStateFile, noteDataDir, prepareRunDir, socketPath } from "../agent/run-dir.ts"
import { type ServiceManager, serviceManager } from "../agent/sd-notify.ts"
import { listenForKnocks } from "../agent/knocks.ts"
import { ServerLink } from "../agent/server-link.ts"
import { awaitVtep } from "../agent/vtep-wait.ts"
import { VtepWatch } from "../agent/vtep-watch.ts"
import { parseHttpAddress } from "../api/address.ts"
import { createApp } from "../api/app.ts"
import type { ConsulSettings } from "../api/consul/settings.ts"
import { answerForwarded } from "../api/forward.ts"
import { listenTcp, listenUnix } from "../api/listen.ts"
import { AssertionError } from "../base/assert.ts"
import { asOvlError } from "../base/errors.ts"
import { FIRST_SYNC_WAIT_MS, NODE_HEARTBEAT_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { VERSION } from "../base/version.ts"
import { canonicalIp } from "../model/address.ts"
import { LinuxKernel } from "../kernel/linux.ts"
import { requireCapabilities } from "../linux/capabilities.ts"
import { raiseOpenFiles } from "../linux/limits.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import { familyOf } from "../model/address.ts"
import type { Cluster } from "../registry/port.ts"
import { remoteCluster } from "../registry/rpc-remote.ts"
import { type HostPort, parseAddress } from "../transport/address.ts"
import { readyLine } from "./announce.ts"
import { type AuditChoice, openAudit, startAudit } from "./audit.ts"
import { type Agent, assembleAgent } from "./assemble.ts"
import { listen } from "../agent/names-listener.ts"
import { clusterIdentity, credentialsOf } from "./credentials.ts"
import { forgetNode } from "./take-down.ts"
import { Knocker } from "./knocker.ts"
import { checkPorts } from "./ports.ts"
import { SelfReport } from "./self-report.ts"
import { openServer, type Server } from "./server.ts"
import { tellBlocked } from "./tell-blocked.ts"
import { Undo } from "./undo.ts"

export interface DaemonOptions {
  mode: "serve" | "join"
  /** As given; null: the host's name. */
  name: string | null
  /** The VTEP; null: the default route's address. */
  advertise: string | null
  dataDir: string
  runDir: string
  /** `ADDR:PORT`, or null for none. */
  http: string | null
  bind: string
  kvPrefix: string
  servers: string[]
  /** Whether a new node that joins is to keep the store. */
  server: boolean
  token: string | null
  /** What may be set of the Consul-compatible API. */
  consul?: Partial<ConsulSettings>
  audit: AuditChoice
  out: (line: string) => void
  log: Log
}

/** EX_SOFTWARE of sysexits(3): a service manager starts the daemon again. */
const INTERNAL_ERROR_STATUS = 70
/** EX_IOERR: started again, the daemon takes the store up where it was last whole, or says what is wrong with it. */
const STORE_FAILED_STATUS = 74

/** It is ready. `done` resolves to the exit status when it has ended. */
export interface Daemon {
  done: Promise<number>
}

/** Errors: all that can stand in the way of a start; nothing is left behind then. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const undo = new Undo()
  const manager = serviceManager(process.env, process.pid)
  const takeBack = () =>
    undo.all((error) => options.log.warn("cannot end something cleanly", { why: asOvlError(error).message }))
  const ended = Promise.withResolvers<number>()
  let hasEnded = false
  const end = (status: number) => {
    hasEnded = true
    ended.resolve(status)
  }
  try {
    await bringUp(options, undo, { now: end, promise: ended.promise }, manager)
  } catch (error) {
    // Whoever is told to stop while he comes up is not at fault for not being up.
    if (!hasEnded) {
      await takeBack()
      throw error
    }
  }
  return {
    done: ended.promise.then(async (status) => {
      manager.stopping()
      options.log.info("stopping; the data plane stays as it is")
      await takeBack()
      return status
    }),
  }
}

/** How the daemon is told to end, and that it was. */
interface End {
  now: (status: number) => void
  promise: Promise<number>
}

async function bringUp(
  options: DaemonOptions,
  undo: Undo,
  { now: end, promise: stopped }: End,
  manager: ServiceManager,
): Promise<void> {
  requireCapabilities()
  const { log, runDir, dataDir } = options
  const bind = parseAddress(options.bind)
  const http = parseHttpAddress(options.http ?? "off")
  prepareRunDir(runDir)
  const lock = acquireDaemonLock(runDir)
  undo.add(() => lock.release())
  noteDataDir(runDir, dataDir)
  const files = raiseOpenFiles()
  undo.add(onSignals(() => end(0)))
  undo.add(onOwnMistakes(log, end))
  const auditPlaces = openAudit(options.audit, { clock: systemClock, log }, undo)
  ensurePrivateDir(dataDir)
  const known = loadIdentity(dataDir)
  const role = known?.role ?? (options.mode === "serve" || options.server ? "server" : "client")
  await checkPorts([
    ...(role === "server" ? [{ option: "--bind", ...bind } as const] : []),
    ...(http ? [{ option: "--http", host: http.hostname, port: http.port } as const] : []),
  ])
  const kernel = new LinuxKernel({ stateFile: kernelStateFile(runDir) })
  undo.add(() => kernel.close())
  const vtep = await awaitVtep({
    kernel,
    advertise: options.advertise,
    known: known?.address ?? null,
    clock: systemClock,
    log,
    stopped,
  })
  const { identity, embedded } = await bootstrap({
    ...options,
    defaultName: defaultNodeName,
    address: vtep.address,
    peerPort: bind.port,
    version: VERSION,
    underlayMtu: vtep.mtu,
    bootId: bootId(),
    clock: systemClock,
    random: systemRandom,
  })
  if (embedded) undo.add(() => embedded.store.close())
  // Only now: what refuses a start, such as another daemon, is all that is said then.
  if (files.short) log.warn("open files are limited, and so are waiting requests", { limit: files.limit })
  const named = options.servers.map(withPeerPort)
  const onFailure = () => end(STORE_FAILED_STATUS)
  const server =
    embedded &&
    (await openServer(
      { identity, embedded, bind: everywhereFor(vtep.address, bind), dataDir, named, log, onFailure, stopped },
      undo,
    ))
  if (server) await Promise.race([server.admitted(), stopped])
  const link = server ? null : openLink(identity, options)
  const way = server ? wayOfServer(server) : wayOfClient(link!)
  if (link) {
    undo.add(() => link.close())
    const onKnock = (addresses: string[]) => link.consider(addresses)
    const knocks = listenForKnocks({
      bind: everywhereFor(vtep.address, bind),
      servers: () => identity.servers,
      onKnock,
      log,
    })
    undo.add(() => knocks.close())
  }
  const agent = assembleAgent({ identity, runDir, dataDir, kernel, cluster: way.cluster, listenForNames: listen, log })
  undo.add(() => agent.close())
  const afterLeaving = () => {
    undo.add(() => forgetNode({ runDir, dataDir, kernel }))
    end(0)
  }
  let vtepWatch: VtepWatch | null = null
  const node = new Node({
    ...agent,
    ...way,
    vtepProblems: () => vtepWatch?.problems() ?? [],
    identity,
    runDir,
    version: VERSION,
    clock: systemClock,
    afterLeaving,
  })
  const audit = startAudit(auditPlaces, identity.name, undo)
  const app = createApp(node, { log, consul: options.consul, audit })
  if (server) {
    server.serve(answerForwarded.bind(null, app), audit)
    undo.add(
      agent.events.listen((event) => {
        if (event.type === "node_removed" && event.fields.id) server.disconnect(event.fields.id)
      }),
    )
  }
  const self = new SelfReport({ node, identity, dataDir, peerPort: bind.port, address: vtep.address })
  const knocker = server && startKnocking(server, agent, bind.port, undo)
  const onRenumbered = () => {
    link?.renew()
    knocker?.moved()
  }
  const watched = watchVtep({ agent, self, kernel, onRenumbered, options, address: vtep.address })
  vtepWatch = watched
  undo.add(() => watched.close())
  await firstSync(agent, node, self, log)
  undo.add(keepAlive(node, agent, log))
  if (http) {
    const tls = http.loopback ? undefined : { cert: identity.certPem, key: identity.keyPem }
    const listener = listenTcp(app, http, tls)
    undo.add(() => listener.close())
  }
  const socket = await listenUnix(app, socketPath(runDir))
  undo.add(() => socket.close())
  manager.ready(`${identity.role} ${identity.name} at ${vtep.address}`)
  undo.add(manager.watch(systemClock))
  options.out(await readyLine(node, identity, process.stdout.isTTY === true))
  if (options.mode === "join") void tellBlocked(node, log)
}

/** `0.0.0.0` is what the default means by "everywhere"; nodes with IPv6 addresses are nowhere in it. */
function everywhereFor(address: string, bind: HostPort): HostPort {
  return bind.host === "0.0.0.0" && familyOf(address) === 6 ? { ...bind, host: "::" } : bind
}

/** The way to the cluster: on a server its own store, on a client a connection to a server. */
type Way = { cluster: Cluster } & Pick<NodeParts, "store" | "server" | "link">

function wayOfServer({ cluster, store, part }: Server): Way {
  return { cluster, store, server: part, link: null }
}

function wayOfClient(link: ServerLink): Way {
  const cluster = remoteCluster({
    connection: () => link.connection(),
    distrust: (connection) => link.distrust(connection),
    clock: systemClock,
  })
  return { cluster, store: null, server: null, link }
}

function openLink(identity: Identity, { servers: named, dataDir, log }: DaemonOptions): ServerLink {
  return new ServerLink({
    // Those named on the command line are no duty of a node that resumes, but they may be the only ones that are left.
    servers: () => [...new Set([...identity.servers, ...named.map(withPeerPort)])],
    credentials: credentialsOf(identity),
    expect: () => clusterIdentity(identity),
    onEpoch: (epoch) => {
      identity.recoveryEpoch = epoch
      saveIdentity(dataDir, identity)
    },
    start: Number.parseInt(identity.nodeId.slice(0, 6), 16),
    clock: systemClock,
    log,
  })
}

/**
 * Follows the cluster, and frees what is gone here. A client whose servers are all away starts all the same after
 * FIRST_SYNC_WAIT_MS: its data plane stays as it is, and the rest is done when a server answers.
 */
async function firstSync(agent: Agent, node: Node, self: SelfReport, log: Log): Promise<void> {
  const restored = agent.restore()
  // What has ended or lost its namespace is gone, whether or not there is somebody to tell.
  const resumed = restored ? resume(agent) : null
  agent.replica.start()
  const settle = agent.synced.then(async () => {
    await node.cluster.heartbeat(node.id)
    await self.tell()
    if (resumed) await resumed.then(() => agent.endpoints.freeWhatIsGone(true))
    else await resume(agent)
    await agent.endpoints.renumberEgress()
  })
  const failed = settle.catch((error) =>
    log.error("cannot settle into the cluster", { why: asOvlError(error).message }),
  )
  await Promise.race([failed, new Promise<void>((resolve) => systemClock.after(FIRST_SYNC_WAIT_MS, resolve))])
}

/** Gives up what lost its namespace while no daemon ran, and ends the workloads that ended. */
async function resume(agent: Agent): Promise<void> {
  await agent.endpoints.freeWhatIsGone(true)
  await agent.workloads.resume()
}

/** This node's address, from now on: what becomes of it is told to the cluster. */
function watchVtep(parts: {
  agent: Agent
  self: SelfReport
  kernel: LinuxKernel
  onRenumbered: () => void
  options: DaemonOptions
  address: string
}): VtepWatch {
  const { agent, self, kernel, onRenumbered, options, address } = parts
  const { log } = options
  const advertise = options.advertise && (canonicalIp(options.advertise) ?? options.advertise)
  const report = (now: string) => self.moveTo(now)
  const watch = new VtepWatch({ kernel, advertise, address, clock: systemClock, log, onRenumbered, report })
  agent.watch.onHost(() => watch.look())
  watch.look()
  return watch
}

function startKnocking({ part }: Server, { replica }: Agent, port: number, undo: Undo): Knocker {
  const leads = () => part.status().role === "leader"
  const knocker = new Knocker({ catalog: replica.catalog, leads, port, clock: systemClock })
  undo.add(() => knocker.close())
  return knocker
}

/** Signs of life, one after another; returns what ends them. */
function keepAlive(node: Node, { prober, pinger }: Agent, log: Log): () => void {
  let stopped = false
  let cancel = () => {}
  const beat = async () => {
    await node.cluster
      .heartbeat(node.id)
      .then(({ probes, pings }) => {
        prober.takePart(probes)
        pinger.takePart(pings)
      })
      .catch((error) => log.debug("no sign of life", { why: asOvlError(error).message }))
    if (!stopped) cancel = systemClock.after(NODE_HEARTBEAT_MS, beat)
  }
  cancel = systemClock.after(NODE_HEARTBEAT_MS, beat)
  return () => {
    stopped = true
    cancel()
  }
}

function onSignals(end: () => void): () => void {
  const signals = ["SIGTERM", "SIGINT"] as const
  for (const signal of signals) process.on(signal, end)
  return () => {
    for (const signal of signals) process.off(signal, end)
  }
}

/**
 * What was thrown where nobody catches it is a mistake of ours. One request that met it must not take the others down
 * with it; a broken assumption must: the data plane goes on without the daemon, and with a wrong one it may not.
 */
function onOwnMistakes(log: Log, end: (status: number) => void): () => void {
  const take = (thrown: unknown) => {
    log.error("internal error", { why: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) })
    if (thrown instanceof AssertionError) end(INTERNAL_ERROR_STATUS)
  }
  const kinds = ["uncaughtException", "unhandledRejection"] as const
  for (const kind of kinds) process.on(kind, take)
  return () => {
    for (const kind of kinds) process.off(kind, take)
  }
}
