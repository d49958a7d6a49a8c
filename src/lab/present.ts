/** What there is of a lab, before anything is changed: what was written down, its underlay, its daemons and what they say. */
import { OvlError } from "../base/errors.ts"
import { endpointName } from "../model/names.ts"
import { type Clients, lookAtCluster } from "./cluster/live.ts"
import { type LiveCluster, NO_CLUSTER } from "./cluster/plan.ts"
import { clientOf, daemonPid } from "./daemons.ts"
import type { LabPlaces } from "./places.ts"
import type { LabState } from "./state-record.ts"
import type { Topology } from "./topology.ts"
import { observeUnderlay } from "./underlay/observe.ts"
import { NOTHING_YET, type ObservedUnderlay } from "./underlay/plan.ts"

/** What is there: nothing, before the first `up`. */
export interface Present {
  before: LabState | null
  underlay: ObservedUnderlay
  /** Hosts whose daemon runs. */
  running: ReadonlySet<string>
  live: LiveCluster
}

export const NOTHING_THERE: Present = {
  before: null,
  underlay: NOTHING_YET,
  running: new Set(),
  live: NO_CLUSTER,
}

export async function lookAround(places: LabPlaces): Promise<Present> {
  const before = places.state()
  const underlay = observeUnderlay(places)
  const running = new Set([...underlay.stations.keys()].filter((name) => daemonPid(places, name) !== null))
  return { before, underlay, running, live: await liveOrKnown(places, before, running) }
}

/** Where no daemon can be asked, what was made for the lab is taken to be there still. */
async function liveOrKnown(places: LabPlaces, before: LabState | null, running: Set<string>): Promise<LiveCluster> {
  if (before === null) return NO_CLUSTER
  const server = before.nodes.find((node) => node.role === "server" && running.has(node.name))
  const nodes = before.nodes.filter((node) => running.has(node.name))
  const clients: Clients = new Map(nodes.map(({ name }) => [name, clientOf(places, name)]))
  try {
    if (server) return await lookAtCluster(clients, server.name)
  } catch (error) {
    if (!(error instanceof OvlError)) throw error
  }
  return knownCluster(before.topology)
}

function knownCluster({ networks, workloads, hosts }: Topology): LiveCluster {
  return {
    networks: networks.map((network) => network.name),
    endpoints: workloads.flatMap(({ name, networks: on, host }) =>
      on.map((network, at) => ({ name: endpointName(name, network, at === 0), network, node: host })),
    ),
    workloads: new Map(
      hosts.map(({ name: host }) => [
        host,
        workloads.filter((each) => each.host === host).map(({ name }) => ({ name, isRunning: true })),
      ]),
    ),
  }
}
