/** What the checks look at: nodes, networks and workloads as the API tells, and the way into each namespace. */
import { OvlError } from "../../base/errors.ts"
import type { Client } from "../../client/client.ts"
import { BRIDGE_NAME, hiddenNamespace, VXLAN_NAME } from "../../model/dataplane.ts"
import type { Egress, EndpointView } from "../../model/endpoint.ts"
import { endpointName } from "../../model/names.ts"
import type { NetworkView } from "../../model/network.ts"
import type { StatusView } from "../../model/node.ts"
import { clientOf, insideHost } from "../daemons.ts"
import type { LabPlaces } from "../places.ts"
import { areConnected, bare, type LabWorkload, leadableHosts, type Topology } from "../topology.ts"

export interface SceneWorkload {
  name: string
  host: SceneHost
  /** Its first network, and what it has there. */
  network: NetworkView
  endpoint: EndpointView
  /** On each of its networks, in order. */
  endpoints: { network: NetworkView; endpoint: EndpointView }[]
  /** Its way to the outside, on whichever network it has one. */
  egress: Egress | null
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
  const hosts = await lookAtHosts(places, topology)
  const workloads = topology.workloads.map((workload) => workloadOf(workload, hosts))
  const { name, address } = topology.outside
  return { topology, hosts, workloads, outside: { name, netns: places.pin(name, "net"), address: bare(address) } }
}

function workloadOf({ name, host: hostName, networks }: LabWorkload, hosts: SceneHost[]): SceneWorkload {
  const host = hosts.find((each) => each.name === hostName)
  const endpoints = networks.map((networkName, at) => {
    const own = endpointName(name, networkName, at === 0)
    const network = host?.networks.find((each) => each.name === networkName)
    const endpoint = host?.endpoints.find((each) => each.name === own)
    if (!network || !endpoint) throw incomplete(`${own} is not there`)
    if (!endpoint.netns || endpoint.state !== "up") throw incomplete(`${own} is ${endpoint.state}`)
    return { network, endpoint }
  })
  const { network, endpoint } = endpoints[0]!
  const egress = endpoints.map((each) => each.endpoint.egress).find((each) => each !== null) ?? null
  const netns = host!.inside(endpoint.netns!)
  return { name, host: host!, network, endpoint, endpoints, egress, ip: bare(endpoint.ip), mac: endpoint.mac, netns }
}

function incomplete(why: string): OvlError {
  return new OvlError("lab_incomplete", `the lab is not complete: ${why}`, { hint: "`ovl lab up` repairs it" })
}

type WholeView = Pick<SceneHost, "networks" | "endpoints">

/** A node that is cut off from all servers does not tell what the cluster holds: then another one is asked for it. */
async function lookAtHosts(places: LabPlaces, topology: Topology): Promise<SceneHost[]> {
  const informed = new Set(leadableHosts(topology).map((host) => host.name))
  const first = topology.hosts.find((host) => informed.has(host.name))
  const common = first && (await wholeView(clientOf(places, first.name)))
  return Promise.all(
    topology.hosts.map(async ({ name, address }) => {
      const client = clientOf(places, name)
      const isCutOff = common !== undefined && !informed.has(name)
      const [status, whole] = await Promise.all([
        client.status(),
        isCutOff ? asSeenFrom(name, common) : wholeView(client),
      ])
      const inside = (path: string) => insideHost(places, name, path)
      return { name, netns: places.pin(name, "net"), vtep: bare(address), client, status, ...whole, inside }
    }),
  )
}

async function wholeView(client: Client): Promise<WholeView> {
  const [networks, endpoints] = await Promise.all([client.networks(), client.endpoints()])
  return { networks, endpoints }
}

/** What a node's own part of each network is follows from its endpoints. */
function asSeenFrom(host: string, { networks, endpoints }: WholeView): WholeView {
  const localTo = ({ id, name }: NetworkView): NetworkView["local"] => {
    const isHere = endpoints.some((each) => each.network === name && each.node === host)
    return isHere ? { netns: hiddenNamespace(id), bridge: BRIDGE_NAME, vxlan: VXLAN_NAME } : null
  }
  return { endpoints, networks: networks.map((network) => ({ ...network, local: localTo(network) })) }
}

/** Workloads that share a network with `from` and are in touch with it, itself left out. */
export function siblings(scene: Scene, from: SceneWorkload): SceneWorkload[] {
  return scene.workloads.filter((to) => {
    const inTouch = areConnected(scene.topology, from.host.name, to.host.name)
    return to !== from && to.network.id === from.network.id && inTouch
  })
}

/** Workloads of other networks. */
export function strangers(scene: Scene, from: SceneWorkload): SceneWorkload[] {
  return scene.workloads.filter((to) => to.network.id !== from.network.id)
}

/**
 * The part of it that is of one kind: each workload on one network, IPv4, where nothing is flooded and nobody sends under
 * another one's name. What is to be seen there follows from the records alone; the rest is for the file's expectations.
 */
export function plainPart(scene: Scene): Scene {
  const isPlain = ({ endpoints, network, ip }: SceneWorkload) =>
    endpoints.length === 1 && !network.multicast && !network.allowSpoof && !ip.includes(":")
  return { ...scene, workloads: scene.workloads.filter(isPlain) }
}

/** Of those, who has a way to the outside, and is in touch with it. */
export function outgoingPart(scene: Scene): Scene {
  const { topology, outside } = scene
  const goesOut = ({ egress, host }: SceneWorkload) =>
    egress !== null && areConnected(topology, host.name, outside.name)
  return { ...scene, workloads: plainPart(scene).workloads.filter(goesOut) }
}
