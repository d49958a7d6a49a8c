/** The agent's parts, tied together: each batch of changes goes to the kernel first, then to the names, then is reported. */
import { DataPlane } from "../agent/dataplane.ts"
import { Endpoints } from "../agent/endpoints.ts"
import { EventBus } from "../agent/events.ts"
import { tellChanges } from "../agent/change-events.ts"
import type { Identity } from "../agent/identity.ts"
import { Replica } from "../agent/replica.ts"
import { WorkloadManager } from "../agent/workload/manager.ts"
import { asOvlError } from "../base/errors.ts"
import { NAMES_REFRESH_MS, NAMES_REFRESH_PAUSE_FACTOR } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Kernel } from "../kernel/port.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import type { ChangeBatch } from "../model/catalog.ts"
import type { Cluster } from "../registry/port.ts"

export interface AgentOptions {
  identity: Identity
  runDir: string
  kernel: Kernel
  cluster: Cluster
  log: Log
}

export interface Agent {
  replica: Replica
  dataplane: DataPlane
  endpoints: Endpoints
  workloads: WorkloadManager
  events: EventBus
  /** Resolves when the catalog is known for the first time and the kernel follows it. */
  synced: Promise<void>
  close(): void
}

export function assembleAgent({ identity, runDir, kernel, cluster, log }: AgentOptions): Agent {
  const nodeId = identity.nodeId
  const events = new EventBus(systemClock, log)
  const synced = Promise.withResolvers<void>()
  let cancelNames: (() => void) | null = null
  let namesPauseMs = NAMES_REFRESH_MS
  const staleNames = new Set<string>()
  const replica = new Replica({ cluster, clock: systemClock, log, onBatch })
  const { catalog } = replica
  const dataplane = new DataPlane({
    kernel,
    catalog,
    nodeId,
    clock: systemClock,
    log,
    onRepair: (plan, count) =>
      events.emit("repaired", `repaired ${count} kernel objects`, { plan: plan.trim().replaceAll("\n", "; ") }),
    onReconciled: () => {
      const failed = (error: unknown) => log.warn("cannot free what is gone yet", { why: asOvlError(error).message })
      if (replica.following) endpoints.freeWhatIsGone(false).catch(failed)
    },
  })
  const endpoints = new Endpoints({
    cluster,
    replica,
    dataplane,
    kernel,
    nodeId,
    events,
    random: systemRandom,
    log,
  })
  const workloads = new WorkloadManager({
    runDir,
    nodeName: identity.name,
    kernel,
    endpoints,
    catalog,
    events,
    clock: systemClock,
    random: systemRandom,
    log,
  })

  function onBatch(batch: ChangeBatch): void {
    dataplane.follow(batch)
    // A node that could not program a change does not say that it has: whoever waits is told its name.
    if (dataplane.health().inSync) cluster.reportProgrammed(nodeId, batch.revision)
    tellChanges(batch, catalog, events)
    noteNames(batch)
    if (batch.snapshot) synced.resolve()
  }

  /** Many changes come together: the hosts files are written once for all of them. */
  function noteNames(batch: ChangeBatch): void {
    if (batch.snapshot) for (const id of catalog.networks.keys()) staleNames.add(id)
    for (const change of batch.changes)
      if (change.type === "endpoint")
        for (const id of change.value ? [change.value.networkId] : catalog.networks.keys()) staleNames.add(id)
    if (staleNames.size === 0) return
    cancelNames ??= systemClock.after(namesPauseMs, () => {
      cancelNames = null
      const start = systemClock.monotonic()
      workloads.refreshNames(staleNames)
      staleNames.clear()
      namesPauseMs = Math.max(NAMES_REFRESH_MS, (systemClock.monotonic() - start) * NAMES_REFRESH_PAUSE_FACTOR)
    })
  }

  return {
    replica,
    dataplane,
    endpoints,
    workloads,
    events,
    synced: synced.promise,
    close: () => {
      cancelNames?.()
      workloads.close()
      dataplane.close()
      replica.close()
    },
  }
}
