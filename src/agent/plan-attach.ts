/** What the attach of a workload's endpoints means in the kernel: their ports, and what these are the first to need. */
import { assert } from "../base/assert.ts"
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import {
  type EgressIpv6,
  type EgressState,
  type GuardPort,
  type GuardState,
  HOST_NAMESPACE,
  type HostFacts,
  type NamespacePath,
  type NetworkState,
} from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { Operation } from "../model/operation.ts"
import { isOnLoopback } from "../model/port-mapping.ts"
import {
  desiredEgress,
  desiredNetwork,
  egressBase,
  egressGuard,
  guardPort,
  networkGuard,
  egressPort,
  networkBase,
  overlayPort,
  publishedPorts,
  subnetsOf,
} from "../overlay/desired.ts"
import { addEgressIpv6, egressIpv6, switchIpv6Forwarding } from "../overlay/egress-ipv6.ts"
import { planEgress, planNetwork } from "../overlay/plan.ts"
import { addEgressPort, addEndpoint, switchLoopback } from "../overlay/steps.ts"
import type { Projection } from "./projection.ts"

export interface AttachTask {
  endpoints: readonly EndpointRecord[]
  catalog: Catalog
  nodeId: string
  projection: Projection
  /** Other own endpoints whose attach is under way; asked only where a network is begun. */
  absent: () => ReadonlySet<string>
  kernel: Kernel
  egressAddress: () => string
  /** The same of IPv6; null where nothing wants it. */
  egressIpv6: () => string | null
}

export interface AttachPlan {
  operations: Operation[]
  /** Bridges that are new, and what their ports that were wanted already may send. */
  guards: Map<NamespacePath, GuardState>
  /** Ports to be let through, by the namespace of their bridge. */
  ports: [NamespacePath, GuardPort][]
  /** To be called when the operations are done: the projection then holds the ports. */
  note: () => void
}

/**
 * First what the endpoints are the first to need, then both ports of each in order, so that their namespace is visited
 * once; of one that has its overlay port already, the egress port only.
 */
export function planAttach(task: AttachTask): AttachPlan {
  const operations: Operation[] = []
  const notes: (() => void)[] = []
  const guards: AttachPlan["guards"] = new Map()
  const ports: AttachPlan["ports"] = []
  for (const networkId of new Set(task.endpoints.map((endpoint) => endpoint.networkId))) {
    if (task.projection.networks.has(networkId)) continue
    const state = beginNetwork(task, networkId)
    operations.push(...planNetwork(state, task.kernel.observeNetwork(state.netns)))
    guards.set(state.netns, networkGuard(task.catalog, state))
    notes.push(() => task.projection.noteNetwork(state))
  }
  const egressMtu = task.catalog.nodes.get(task.nodeId)?.underlayMtu ?? 0
  if (task.projection.egressAddress === null && task.endpoints.some((endpoint) => endpoint.egress !== null)) {
    const facts = task.kernel.hostFacts()
    const base = egressBase(task.egressAddress(), egressMtu, facts)
    const ipv6 = wantedIpv6(task, facts)
    const state: EgressState = { ...base, loopback: publishesOnLoopback(task), ports: new Map(), ipv6 }
    operations.push(...planEgress(state, task.kernel.observeEgress(), facts))
    guards.set(HOST_NAMESPACE, egressGuard(state))
    notes.push(() => task.projection.noteEgress(state))
  } else {
    if (task.endpoints.some((endpoint) => endpoint.ports?.some(isOnLoopback))) operations.push(switchLoopback(true))
    if (task.projection.egressIpv6 === null && task.endpoints.some(({ egress }) => egress?.ip6)) {
      const facts = task.kernel.hostFacts()
      const { mac } = egressBase(task.egressAddress(), egressMtu, facts)
      const ipv6 = wantedIpv6(task, facts)
      operations.push(...addEgressIpv6({ mac, ipv6 }), ...switchIpv6Forwarding({ ipv6 }))
      const absent = new Set([...task.absent(), ...task.endpoints.map(({ id }) => id)])
      const before = desiredEgress(task.catalog, { nodeId: task.nodeId, absent }, task.egressAddress(), facts, ipv6)
      guards.set(HOST_NAMESPACE, egressGuard(before ?? { ipv6, ports: new Map() }))
      notes.push(() => {
        task.projection.egressIpv6 = ipv6?.address ?? null
      })
    }
  }
  for (const endpoint of task.endpoints) {
    const network = networkOf(task, endpoint)
    const { netns } = network
    const port = overlayPort(endpoint, network, subnetsOf(task.catalog, endpoint.networkId))
    const egress = egressPort(endpoint, egressMtu, (endpoint.ports && task.kernel.hostFacts().bridgesFiltered) ?? false)
    const isHere = task.projection.networks.get(endpoint.networkId)?.ports.has(endpoint.id)
    if (!isHere) ports.push([netns, guardPort(port)])
    if (egress) ports.push([HOST_NAMESPACE, guardPort(egress)])
    if (!isHere) operations.push(...addEndpoint(netns, port, egress))
    else if (egress !== null) operations.push(...addEgressPort(egress))
    notes.push(() => task.projection.notePorts(endpoint, port.device, egress?.device ?? null))
  }
  const [first] = task.endpoints
  // In the same visit: a workload that `run` made was given nothing but its namespace yet.
  if (first?.origin === "run" && first.netns !== null)
    operations.push({ op: "link-set", ns: first.netns, name: "lo", up: true })
  const note = () => {
    for (const each of notes) each()
  }
  return { operations, guards, ports, note }
}

function wantedIpv6({ egressIpv6: addressOf, kernel }: AttachTask, facts: HostFacts): EgressIpv6 | null {
  const address = addressOf()
  return address === null ? null : egressIpv6(address, kernel.ipv6Facts(), facts)
}

function publishesOnLoopback({ catalog, nodeId }: AttachTask): boolean {
  return publishedPorts(catalog, nodeId).some(isOnLoopback)
}

/** The network as it is to be before these endpoints come. */
function beginNetwork(task: AttachTask, networkId: string): NetworkState {
  const state = desiredNetwork(task.catalog, { nodeId: task.nodeId, absent: task.absent() }, networkId)
  assert(state !== null, "a network with an endpoint here is wanted here")
  const ports = new Map(state.ports)
  for (const endpoint of task.endpoints) ports.delete(endpoint.id)
  return { ...state, ports }
}

function networkOf(task: AttachTask, { networkId }: EndpointRecord): Pick<NetworkState, "netns" | "mtu" | "multicast"> {
  const programmed = task.projection.networks.get(networkId)
  if (programmed) return programmed
  const base = networkBase(task.catalog, task.nodeId, networkId)
  assert(base !== null, "an endpoint's network is in the catalog")
  return base
}
