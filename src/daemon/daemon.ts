/**
 * The daemon: the one place where the real adapters are put together. It comes up in an order in which every step can
 * be undone, and is ready when its socket answers; going down it leaves the data plane as it is.
 */
import { bootstrap, withPeerPort } from "../agent/bootstrap.ts"
import { bootId, defaultNodeName } from "../agent/host.ts"
import { ensurePrivateDir, type Identity, loadIdentity, saveIdentity } from "../agent/identity.ts"
import { acquireDaemonLock } from "../agent/lock.ts"
import { Node } from "../agent/node.ts"
import { kernelStateFile, prepareRunDir, socketPath } from "../agent/run-dir.ts"
import { notifyReady } from "../agent/sd-notify.ts"
import { ServerLink } from "../agent/server-link.ts"
import { chooseVtep, type Vtep } from "../agent/vtep.ts"
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
import { LinuxKernel } from "../kernel/linux.ts"
import { raiseOpenFiles } from "../linux/limits.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import { type LocalCluster, openCluster } from "../registry/cluster-on-store.ts"
import type { Cluster } from "../registry/port.ts"
import { remoteCluster } from "../registry/rpc-remote.ts"
import type { Store } from "../store/port.ts"
import { formatAddress, parseAddress } from "../transport/address.ts"
import { readyLine } from "./announce.ts"
import { type Agent, assembleAgent } from "./assemble.ts"
import { listenForPeers } from "./peers.ts"
import { forgetNode } from "./take-down.ts"
import { checkPorts } from "./ports.ts"
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
  token: string | null
  /** What may be set of the Consul-compatible API. */
  consul?: Partial<ConsulSettings>
  out: (line: string) => void
  log: Log
}

/** EX_SOFTWARE of sysexits(3): a service manager starts the daemon again. */
const INTERNAL_ERROR_STATUS = 70

/** It is ready. `done` resolves to the exit status when it has ended. */
export interface Daemon {
  done: Promise<number>
}

/** Errors: all that can stand in the way of a start; nothing is left behind then. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const undo = new Undo()
  const takeBack = () =>
    undo.all((error) => options.log.warn("cannot end something cleanly", { why: asOvlError(error).message }))
  const ended = Promise.withResolvers<number>()
  try {
    await bringUp(options, undo, (status) => ended.resolve(status))
  } catch (error) {
    await takeBack()
    throw error
  }
  return {
    done: ended.promise.then(async (status) => {
      options.log.info("stopping; the data plane stays as it is")
      await takeBack()
      return status
    }),
  }
}

async function bringUp(options: DaemonOptions, undo: Undo, end: (status: number) => void): Promise<void> {
  const { log, runDir, dataDir } = options
  const files = raiseOpenFiles()
  if (files.short) log.warn("open files are limited, and so are waiting requests", { limit: files.limit })
  const bind = parseAddress(options.bind)
  const http = parseHttpAddress(options.http ?? "off")
  prepareRunDir(runDir)
  const lock = acquireDaemonLock(runDir)
  undo.add(() => lock.release())
  undo.add(onSignals(() => end(0)))
  undo.add(onOwnMistakes(log, end))
  ensurePrivateDir(dataDir)
  const known = loadIdentity(dataDir)
  const role = known?.role ?? (options.mode === "serve" ? "server" : "client")
  await checkPorts([
    ...(role === "server" ? [{ option: "--bind", ...bind } as const] : []),
    ...(http ? [{ option: "--http", host: http.hostname, port: http.port } as const] : []),
  ])
  const kernel = new LinuxKernel({ stateFile: kernelStateFile(runDir) })
  undo.add(() => kernel.close())
  const vtep = chooseVtep(kernel.hostFacts(), options.advertise, known?.address ?? null)
  const { identity, store } = await bootstrap({
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
  if (store) undo.add(() => store.close())
  const way = openWay(identity, store, options.servers, log)
  undo.add(way.close)
  const agent = assembleAgent({ identity, runDir, kernel, cluster: way.cluster, log })
  undo.add(() => agent.close())
  const afterLeaving = () => {
    undo.add(() => forgetNode({ runDir, dataDir, kernel }))
    end(0)
  }
  const node = new Node({
    ...agent,
    ...way,
    identity,
    store,
    runDir,
    version: VERSION,
    clock: systemClock,
    afterLeaving,
  })
  const app = createApp(node, { log, consul: options.consul })
  if (way.local) {
    const answer = answerForwarded.bind(null, app)
    const listener = await listenForPeers({ bind, identity, cluster: way.local, answer, log })
    undo.add(() => listener.close())
    undo.add(
      agent.events.listen((event) => {
        if (event.type === "node_removed" && event.fields.id) listener.disconnect(event.fields.id)
      }),
    )
  }
  await firstSync(agent, node, vtep, identity, options)
  undo.add(keepAlive(node, log))
  if (http) {
    const tls = http.loopback ? undefined : { cert: identity.certPem, key: identity.keyPem }
    const listener = listenTcp(app, http, tls)
    undo.add(() => listener.close())
  }
  const socket = await listenUnix(app, socketPath(runDir))
  undo.add(() => socket.close())
  notifyReady()
  options.out(await readyLine(node, identity, process.stdout.isTTY === true))
}

/** The way to the cluster: on a server its own store, on a client a connection to a server. */
interface Way {
  cluster: Cluster
  local: LocalCluster | null
  link: ServerLink | null
  close: () => void
}

function openWay(identity: Identity, store: Store | null, named: string[], log: Log): Way {
  if (store) {
    const local = openCluster({ store, clock: systemClock, random: systemRandom, log, self: identity.nodeId })
    return { cluster: local, local, link: null, close: () => local.close() }
  }
  const link = new ServerLink({
    // Those named on the command line are no duty of a node that resumes, but they may be the only ones that are left.
    servers: () => [...new Set([...identity.servers, ...named.map(withPeerPort)])],
    credentials: { cert: identity.certPem, key: identity.keyPem, ca: identity.caPem },
    expect: { clusterId: identity.clusterId, recoveryEpoch: identity.recoveryEpoch },
    clock: systemClock,
    log,
  })
  const cluster = remoteCluster({ connection: () => link.connection(), clock: systemClock })
  return { cluster, local: null, link, close: () => link.close() }
}

/**
 * Follows the cluster, and frees what is gone here. A client whose servers are all away starts all the same after
 * FIRST_SYNC_WAIT_MS: its data plane stays as it is, and the rest is done when a server answers.
 */
async function firstSync(
  agent: Agent,
  node: Node,
  vtep: Vtep,
  identity: Identity,
  options: DaemonOptions,
): Promise<void> {
  const { log } = options
  agent.replica.start()
  const settle = agent.synced.then(async () => {
    await node.cluster.heartbeat(node.id)
    await reportFacts(node, vtep, identity, options)
    await agent.endpoints.freeWhatIsGone(true)
    await agent.endpoints.renumberEgress()
    await agent.workloads.resume()
  })
  const failed = settle.catch((error) =>
    log.error("cannot settle into the cluster", { why: asOvlError(error).message }),
  )
  await Promise.race([failed, new Promise<void>((resolve) => systemClock.after(FIRST_SYNC_WAIT_MS, resolve))])
}

/** What has changed about this node since the cluster last heard of it. */
async function reportFacts(node: Node, vtep: Vtep, identity: Identity, options: DaemonOptions): Promise<void> {
  const known = node.catalog.nodes.get(node.id)
  if (!known) return
  const port = identity.role === "server" ? parseAddress(options.bind).port : null
  const facts = {
    address: vtep.address,
    peerAddress: port === null ? null : formatAddress({ host: vtep.address, port }),
    underlayMtu: vtep.mtu,
    version: VERSION,
    bootId: bootId(),
  }
  const changed = (Object.keys(facts) as (keyof typeof facts)[]).some((key) => known[key] !== facts[key])
  if (changed) await node.waitFor((await node.cluster.updateNode(node.id, facts)).revision)
  const { servers } = await node.cluster.info()
  if (servers.length > 0 && servers.join() !== identity.servers.join()) {
    identity.servers = servers
    saveIdentity(options.dataDir, identity)
  }
}

/** Signs of life, one after another; returns what ends them. */
function keepAlive(node: Node, log: Log): () => void {
  let stopped = false
  let cancel = () => {}
  const beat = async () => {
    await node.cluster
      .heartbeat(node.id)
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
