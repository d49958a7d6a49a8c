/** The agent's parts, tied together: each batch of changes goes to the kernel first, then to the names, then is reported. */
import { join } from "node:path"
import { Connections } from "../agent/connections.ts"
import { DataPlane } from "../agent/dataplane.ts"
import { Endpoints } from "../agent/endpoints.ts"
import { echo } from "../agent/echo.ts"
import { EventBus } from "../agent/events.ts"
import { tellChanges } from "../agent/change-events.ts"
import { CatalogCache } from "../agent/catalog-cache.ts"
import { CATALOG_CACHE_FILE, WITHDRAWALS_FILE } from "../agent/files.ts"
import { type Identity, saveIdentity } from "../agent/identity.ts"
import { LoopbackPorts } from "../agent/loopback-ports.ts"
import { NameServers } from "../agent/names.ts"
import type { Listen } from "../agent/names-listener.ts"
import { HostResolvConf, HostResolvers } from "../agent/names-resolvers.ts"
import { tellRepair } from "../agent/repair-events.ts"
import { type BatchSource, Replica } from "../agent/replica.ts"
import { newServerAddresses } from "../agent/server-addresses.ts"
import { Watch } from "../agent/watch.ts"
import { Pinger } from "../agent/pinger.ts"
import { Prober } from "../agent/prober.ts"
import { openProbeWire } from "../agent/probe-wire.ts"
import { PathWatch } from "../agent/path-watch.ts"
import { Underlay } from "../agent/underlay.ts"
import { Withdrawals } from "../agent/withdrawals.ts"
import { WorkloadManager } from "../agent/workload/manager.ts"
import { asOvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { Cluster } from "../registry/port.ts"

/** No life of the cluster has it. */
const NO_EPOCH = -1

export interface AgentOptions {
  identity: Identity
  runDir: string
  dataDir: string
  kernel: Kernel
  cluster: Cluster
  /** How the names of a network are listened for; null: nobody asks. */
  listenForNames: Listen | null
  log: Log
}

export interface Agent {
  replica: Replica
  dataplane: DataPlane
  underlay: Underlay
  prober: Prober
  pinger: Pinger
  paths: PathWatch
  watch: Watch
  endpoints: Endpoints
  workloads: WorkloadManager
  connections: Connections
  names: NameServers
  events: EventBus
  /**
   * To be called before the replica is started: a client restores its data plane from what it knew when it ended. False
   * where it knew nothing.
   */
  restore(): boolean
  /** Resolves when the catalog is known for the first time and the kernel follows it. */
  synced: Promise<void>
  close(): void
}

export function assembleAgent(options: AgentOptions): Agent {
  const { identity, runDir, dataDir, kernel, cluster, listenForNames, log } = options
  const { nodeId, clusterId } = identity
  const isClient = identity.role === "client"
  const events = new EventBus(systemClock, log, identity.name)
  let closed = false
  const resolvConf = new HostResolvConf(systemClock)
  const kept = { clusterId, clock: systemClock, log }
  const withdrawals = new Withdrawals({ ...kept, path: join(dataDir, WITHDRAWALS_FILE), cluster })
  const replica = new Replica({
    cluster,
    clock: systemClock,
    log,
    onBatch,
    isWithdrawn: (id) => withdrawals.has(id),
    epoch: () => identity.recoveryEpoch,
    ...(isClient ? { nodeId } : {}),
  })
  const cache = isClient
    ? new CatalogCache({ ...kept, path: join(dataDir, CATALOG_CACHE_FILE), nodeId }, () => replica.known())
    : null
  const { catalog } = replica
  // Beside a kernel that is none there is nothing to listen on either.
  const loopbackPorts = listenForNames && new LoopbackPorts({ clock: systemClock, log })
  const dataplane = new DataPlane({
    kernel,
    catalog,
    nodeId,
    clock: systemClock,
    log,
    onRepair: (repair) => tellRepair(repair, events),
    onReconciled: () => {
      const failed = (error: unknown) => log.warn("cannot free what is gone yet", { why: asOvlError(error).message })
      if (catalog.revision > 0) endpoints.freeWhatIsGone(false).catch(failed)
      names.check()
    },
    onRenamed: (id, before, after) => void endpoints.noteRenamed(id, before, after),
    onAttached: () => names.networksChanged(),
    onPublished: (ports) => loopbackPorts?.follow(ports),
  })
  const names = new NameServers({
    catalog,
    nodeId,
    kernel,
    localNetworks: () => dataplane.localNetworks(),
    listen: listenForNames,
    upstreams: new HostResolvers(resolvConf),
    clock: systemClock,
    random: systemRandom,
    log,
  })
  const endpoints = new Endpoints({
    cluster,
    replica,
    dataplane,
    kernel,
    withdrawals,
    nodeId,
    events,
    clock: systemClock,
    random: systemRandom,
    log,
  })
  const workloads = new WorkloadManager({
    runDir,
    nodeName: identity.name,
    kernel,
    endpoints,
    catalog,
    searchDomains: () => resolvConf.current().search,
    events,
    clock: systemClock,
    random: systemRandom,
    log,
  })

  const nodeName = (id: string) => catalog.nodes.get(id)?.name ?? id
  const connections = new Connections({ catalog, nodeId, nodeName, endpoints, workloads })

  function onBatch(batch: ChangeBatch, source: BatchSource): void {
    if (source === "disk") dataplane.restore()
    else dataplane.follow(batch)
    names.follow(batch)
    if (batch.snapshot) refreshEtcFiles()
    // A revision that changed nothing here is no reason to write.
    if (batch.snapshot || batch.changes.length > 0) cache?.changed()
    if (source === "cluster") heard(batch)
  }

  function heard(batch: ChangeBatch): void {
    // A node that could not program a change does not say that it has: whoever waits is told its name.
    if (dataplane.health().inSync) cluster.reportProgrammed(nodeId, batch.revision)
    tellChanges(batch, catalog, events)
    withdrawals.reached(catalog.revision)
    if (batch.opening && withdrawals.size > 0) void withdrawals.tell()
    if (batch.snapshot || batch.changes.some((change) => change.type === "node")) noteServers()
  }

  /** Where the servers are, is known at the next start too. */
  function noteServers(): void {
    const servers = newServerAddresses(catalog, identity.servers)
    if (servers === null) return
    identity.servers = servers
    try {
      saveIdentity(dataDir, identity)
    } catch (error) {
      log.warn("cannot write down where the servers are", { why: asOvlError(error).message })
    }
  }

  function restore(): boolean {
    const known = cache?.load() ?? null
    // Where it is not known what was withdrawn, the catalog is asked for anew: what is missing in it would be missed.
    if (known) replica.restore(withdrawals.intact ? known : { ...known, epoch: NO_EPOCH })
    return known !== null
  }
  const underlay = new Underlay({ kernel, catalog, nodeId, cluster, clock: systemClock, log })
  const prober = new Prober({
    catalog,
    nodeId,
    clusterId,
    cluster,
    openWire: (onPacket) => openProbeWire(onPacket, log),
    clock: systemClock,
    random: systemRandom,
    log,
  })
  const pinger = new Pinger({ replica, nodeId, cluster, echo, clock: systemClock, random: systemRandom, log })
  const paths = new PathWatch({ catalog, nodeId, prober, events, clock: systemClock })
  const watch = new Watch({
    kernel,
    clock: systemClock,
    log,
    namespaces: () => dataplane.namespaces(),
    check: (namespaces, rules) => dataplane.check(namespaces, rules),
    checkAll: () => dataplane.checkAll(),
  })
  watch.start()
  void replica.synced.then(() => {
    dataplane.caughtUp()
    if (closed) return
    underlay.start()
    paths.start()
  })

  function refreshEtcFiles(): void {
    try {
      workloads.refreshEtcFiles()
    } catch (error) {
      log.warn("cannot bring the files of workloads up to date", { why: asOvlError(error).message })
    }
  }

  return {
    replica,
    dataplane,
    underlay,
    prober,
    pinger,
    paths,
    watch,
    endpoints,
    workloads,
    connections,
    names,
    events,
    restore,
    synced: replica.synced,
    close: () => {
      closed = true
      underlay.close()
      paths.close()
      prober.close()
      pinger.close()
      names.close()
      withdrawals.close()
      cache?.close()
      workloads.close()
      watch.close()
      dataplane.close()
      loopbackPorts?.close()
      replica.close()
    },
  }
}
