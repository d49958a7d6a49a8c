/**
 * `ovl lab up`: brings a lab to what its topology says, from nothing, from whatever is left of it, or from what another
 * version of its file said.
 */
import { checkName } from "../model/names.ts"
import { applyCluster } from "./cluster/apply.ts"
import { nodesCaughtUp } from "./cluster/caught-up.ts"
import { lookAtCluster } from "./cluster/live.ts"
import { removeNode, startNodes } from "./cluster/nodes.ts"
import { type NodePlan, planCluster, planNodes } from "./cluster/plan.ts"
import { findDaemon, stopDaemon } from "./daemons.ts"
import { ensureHost, ensurePinMount } from "./hosts.ts"
import { lockLab } from "./lock.ts"
import { LabPlaces } from "./places.ts"
import { lookAround } from "./present.ts"
import type { Progress } from "./progress.ts"
import { type LabState, ownNetworks, ownNodes, ownWorkloads, together } from "./state-record.ts"
import type { Topology } from "./topology.ts"
import { applySteps, removeStation } from "./underlay/apply.ts"
import { observeUnderlay } from "./underlay/observe.ts"
import { planApart, planTogether, planUnderlay } from "./underlay/plan.ts"
import { wantedUnderlay } from "./underlay/wanted.ts"

export interface LabUp {
  /** False where all was as the file says. */
  isChanged: boolean
}

/**
 * Idempotent: what is there and right stays, the rest is made, changed or removed. Cut off at any point, it goes on when
 * called again. Errors: lab_busy, lab_differs, lab_network_in_use (conflict), lab_inside, lab_host_failed,
 * lab_node_failed, lab_not_ready, lab_rate_refused, lab_cut_refused, and the API's.
 */
export async function labUp(topology: Topology, progress: Progress): Promise<LabUp> {
  const places = new LabPlaces(checkName(topology.name, "lab"))
  const lock = lockLab(places)
  try {
    const { before, live } = await lookAround(places)
    const nodes = planNodes(before, topology)
    // For what it refuses: once something is changed it is too late.
    planCluster(before, topology, live, nodes.removed)
    places.make()
    ensurePinMount(places)
    progress("hosts and cables")
    if (nodes.removed.length > 0) await removeNodes(places, before!, topology, nodes, progress)
    // A node that goes is the lab's no more; whatever else there was stays until the end, in case this is cut off.
    const beforeNow = before && { ...before, nodes: before.nodes.filter((node) => !nodes.removed.includes(node)) }
    places.saveState(stateOf(topology, beforeNow))
    const made = await makeHosts(places, topology)
    const changed = await makeCluster(places, topology, nodes, beforeNow, progress)
    const apart = planApart(wantedUnderlay(topology), observeUnderlay(places))
    applySteps(places, apart)
    places.saveState(stateOf(topology, null))
    return { isChanged: nodes.removed.length > 0 || made || changed || apart.length > 0 }
  } finally {
    lock.release()
  }
}

/** What is the lab's own from now on: what the file says, and what was made before and has not gone yet. */
function stateOf(topology: Topology, before: LabState | null): LabState {
  return {
    topology,
    nodes: together(before?.nodes ?? [], ownNodes(topology)),
    networks: together(ownNetworks(topology), before?.networks ?? []),
    workloads: together(ownWorkloads(topology), before?.workloads ?? []),
  }
}

/** Those that stay are brought up first: the others leave with their help. */
async function removeNodes(
  places: LabPlaces,
  before: LabState,
  topology: Topology,
  { kept, removed, server }: NodePlan,
  progress: Progress,
): Promise<void> {
  await makeHosts(places, { ...before.topology, hosts: kept, cuts: [] })
  applySteps(places, planTogether(observeUnderlay(places)))
  const clients = await startNodes(places, topology, kept, server)
  for (const { name } of removed) {
    progress(`node ${name} goes`)
    await removeNode(places, name, clients.get(server.name)!)
  }
}

/** Namespaces, cables and addresses; stations that the lab no longer has are not looked at here. True if any was missing. */
async function makeHosts(places: LabPlaces, topology: Topology): Promise<boolean> {
  const steps = planUnderlay(wantedUnderlay(topology), observeUnderlay(places))
  // What a daemon had set on an interface that is gone has gone with it; at its start it looks at everything.
  for (const step of steps) if (step.do === "cable-add") await stopDaemon(places, step.station)
  applySteps(places, steps)
  await Promise.all([...topology.hosts, topology.outside].map((host) => ensureHost(places, host.name)))
  return steps.length > 0
}

async function makeCluster(
  places: LabPlaces,
  topology: Topology,
  { server }: NodePlan,
  before: LabState | null,
  progress: Progress,
): Promise<boolean> {
  removeStrayStations(places, topology)
  const missing = topology.hosts.filter((host) => findDaemon(places, host.name) === null)
  const meet = () => applySteps(places, planTogether(observeUnderlay(places)))
  if (missing.length > 0) {
    progress(`nodes ${missing.map((host) => host.name).join(", ")}`)
    meet()
  }
  const clients = await startNodes(places, topology, topology.hosts, server)
  if (missing.length > 0) await nodesCaughtUp(topology.name, clients)
  const steps = planCluster(before, topology, await lookAtCluster(clients, server.name), [])
  if (missing.length === 0 && steps.length === 0) return false
  meet()
  await applyCluster(clients, server.name, topology, steps, progress)
  return true
}

/** The outside under an earlier name. */
function removeStrayStations(places: LabPlaces, topology: Topology): void {
  const names = new Set([...topology.hosts, topology.outside].map((host) => host.name))
  for (const name of observeUnderlay(places).stations.keys()) if (!names.has(name)) removeStation(places, name)
}
