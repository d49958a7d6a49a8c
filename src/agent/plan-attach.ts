/** What the attach of a workload's endpoints means in the kernel: their ports, and what these are the first to need. */
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import { hiddenNamespace, type NetworkState, type PortState } from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { Operation } from "../model/operation.ts"
import { desiredNetwork, egressBase, egressPort, overlayPort } from "../overlay/desired.ts"
import { planEgress, planNetwork } from "../overlay/plan.ts"
import { addEgressPort, addPort } from "../overlay/steps.ts"
import type { Projection } from "./projection.ts"

export interface AttachTask {
  endpoints: readonly EndpointRecord[]
  catalog: Catalog
  nodeId: string
  projection: Projection
  /** Other own endpoints whose attach is under way. */
  absent: ReadonlySet<string>
  kernel: Kernel
  egressAddress: () => string
}

export interface AttachPlan {
  operations: Operation[]
  /** To be called when the operations are done: the projection then holds the ports. */
  note: () => void
}

/** In the order of the endpoints, the egress ports last. */
export function planAttach(task: AttachTask): AttachPlan {
  const operations: Operation[] = []
  const notes: (() => void)[] = []
  const begun = new Map<string, NetworkState>()
  for (const endpoint of task.endpoints) {
    const programmed = task.projection.networks.get(endpoint.networkId)
    if (programmed) {
      const port = overlayPort(endpoint, programmed.mtu)
      operations.push(...addPort(programmed.netns, port))
      notes.push(() => programmed.ports.set(endpoint.id, port.device))
    } else if (!begun.has(endpoint.networkId)) {
      const state = firstOfNetwork(task, endpoint.networkId)
      begun.set(endpoint.networkId, state)
      operations.push(...planNetwork(state, task.kernel.observeNetwork(hiddenNamespace(endpoint.networkId))))
      notes.push(() => task.projection.noteNetwork(state))
    }
  }
  const egress = planEgressPorts(task)
  return {
    operations: [...operations, ...egress.operations],
    note: () => {
      for (const note of notes) note()
      egress.note()
    },
  }
}

/** The network as it will be with these endpoints: nobody else of this node is on it. */
function firstOfNetwork(task: AttachTask, networkId: string): NetworkState {
  const state = desiredNetwork(task.catalog, { nodeId: task.nodeId, absent: task.absent }, networkId)
  if (state === null) throw new Error(`network ${networkId} has no endpoint on this node`)
  return state
}

function planEgressPorts(task: AttachTask): AttachPlan {
  const ports = new Map<string, PortState>()
  const mtu = task.catalog.nodes.get(task.nodeId)?.underlayMtu ?? 0
  for (const endpoint of task.endpoints) {
    const port = egressPort(endpoint, mtu)
    if (port) ports.set(endpoint.id, port)
  }
  if (ports.size === 0) return { operations: [], note: () => {} }
  if (task.projection.egressAddress !== null)
    return {
      operations: [...ports.values()].flatMap(addEgressPort),
      note: () => {
        for (const [id, port] of ports) task.projection.egressPorts.set(id, port.device)
      },
    }
  const facts = task.kernel.hostFacts()
  const state = { ...egressBase(task.egressAddress(), mtu, facts), ports }
  return {
    operations: planEgress(state, task.kernel.observeEgress(), facts),
    note: () => task.projection.noteEgress(state),
  }
}
