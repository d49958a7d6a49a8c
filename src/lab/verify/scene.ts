/** What the checks look at: the lab's nodes, networks and workloads as the API tells, and the way into each namespace. */
import type { Client } from "../../client/client.ts"
import { OvlError } from "../../base/errors.ts"
import type { EndpointView } from "../../model/endpoint.ts"
import type { NetworkView } from "../../model/network.ts"
import type { NodeView } from "../../model/node.ts"
import { clientOf, daemonPid } from "../daemons.ts"
import type { LabPlaces } from "../places.ts"
import type { Topology } from "../topology.ts"

export interface SceneWorkload {
  name: string
  host: string
  network: string
  endpoint: EndpointView
  /** Address without prefix length. */
  ip: string
  /** The workload's namespace, reachable from here. */
  netns: string
}

export interface SceneHost {
  name: string
  /** The host's own network namespace. */
  netns: string
  /** The underlay address, without prefix length. */
  vtep: string
  client: Client
  networks: NetworkView[]
}

export interface Scene {
  topology: Topology
  outside: { netns: string; address: string }
  hosts: SceneHost[]
  workloads: SceneWorkload[]
  nodes: NodeView[]
}

/** Errors: lab_node_down, and lab_workload_missing where the lab is not what its topology says. */
export async function lookAround(places: LabPlaces, topology: Topology): Promise<Scene> {
  const hosts: SceneHost[] = []
  for (const host of topology.hosts) {
    const client = clientOf(places, host.name)
    const vtep = host.address.split("/")[0] ?? ""
    const networks = await client.networks()
    hosts.push({ name: host.name, netns: places.pin(host.name, "net"), vtep, client, networks })
  }
  const first = hosts[0]!.client
  const endpoints = await first.endpoints({})
  const workloads = topology.workloads.map((workload): SceneWorkload => {
    const endpoint = endpoints.find((each) => each.name === workload.name)
    if (!endpoint?.netns || endpoint.state !== "up")
      throw new OvlError("lab_workload_missing", `workload ${workload.name} of lab ${topology.name} is not up`, {
        hint: "`ovl lab up` repairs the lab",
      })
    return {
      ...workload,
      endpoint,
      ip: endpoint.ip.split("/")[0] ?? "",
      netns: `/proc/${daemonPid(places, workload.host)}/root${endpoint.netns}`,
    }
  })
  const outside = {
    netns: places.pin(topology.outside.name, "net"),
    address: topology.outside.address.split("/")[0] ?? "",
  }
  return { topology, outside, hosts, workloads, nodes: await first.nodes() }
}

/** A path inside a host's mount namespace, as seen from here. */
export function insideHost(places: LabPlaces, host: string, path: string): string {
  return `/proc/${daemonPid(places, host)}/root${path}`
}
