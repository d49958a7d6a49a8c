/** What the checks look at: nodes, networks and workloads as the API tells, and the way into each namespace. */
import { OvlError } from "../../base/errors.ts"
import type { Client } from "../../client/client.ts"
import type { EndpointView } from "../../model/endpoint.ts"
import type { NetworkView } from "../../model/network.ts"
import type { StatusView } from "../../model/node.ts"
import { clientOf, insideHost } from "../daemons.ts"
import type { LabPlaces } from "../places.ts"
import { bare, type Topology } from "../topology.ts"

export interface SceneWorkload {
  name: string
  host: SceneHost
  network: NetworkView
  endpoint: EndpointView
  /** Address without prefix length. */
  ip: string
  mac: string
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
  status: StatusView
  /** As this node shows them: `local` is its own part. */
  networks: NetworkView[]
  /** Every node's, as this node knows them. */
  endpoints: EndpointView[]
  /** A path inside the host, as seen from here. */
  inside(path: string): string
}

export interface Scene {
  topology: Topology
  outside: { name: string; netns: string; address: string }
  hosts: SceneHost[]
  workloads: SceneWorkload[]
}

/** Errors: lab_node_down, and lab_incomplete where the lab is not what its topology says. */
export async function lookAround(places: LabPlaces, topology: Topology): Promise<Scene> {
  const hosts = await Promise.all(topology.hosts.map((host) => lookAt(places, host.name, bare(host.address))))
  const workloads = topology.workloads.map((workload): SceneWorkload => {
    const host = hosts.find((each) => each.name === workload.host)
    const network = host?.networks.find((each) => each.name === workload.network)
    const endpoint = host?.endpoints.find((each) => each.name === workload.name)
    if (!host || !network || !endpoint) throw incomplete(`${workload.name} is not there`)
    if (!endpoint.netns || endpoint.state !== "up") throw incomplete(`${workload.name} is ${endpoint.state}`)
    const [ip, netns] = [bare(endpoint.ip), host.inside(endpoint.netns)]
    return { name: workload.name, host, network, endpoint, ip, mac: endpoint.mac, netns }
  })
  const { name, address } = topology.outside
  return { topology, hosts, workloads, outside: { name, netns: places.pin(name, "net"), address: bare(address) } }
}

function incomplete(why: string): OvlError {
  return new OvlError("lab_incomplete", `the lab is not complete: ${why}`, { hint: "`ovl lab up` repairs it" })
}

async function lookAt(places: LabPlaces, name: string, vtep: string): Promise<SceneHost> {
  const client = clientOf(places, name)
  const [status, networks, endpoints] = await Promise.all([client.status(), client.networks(), client.endpoints()])
  const inside = (path: string) => insideHost(places, name, path)
  return { name, netns: places.pin(name, "net"), vtep, client, status, networks, endpoints, inside }
}

/** Workloads that share a network with `from`, itself left out. */
export function siblings(scene: Scene, from: SceneWorkload): SceneWorkload[] {
  return scene.workloads.filter((to) => to !== from && to.network.id === from.network.id)
}

/** Workloads of other networks. */
export function strangers(scene: Scene, from: SceneWorkload): SceneWorkload[] {
  return scene.workloads.filter((to) => to.network.id !== from.network.id)
}
