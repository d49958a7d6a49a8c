/** `ovl lab up`: brings a lab to what its topology says, from nothing or from whatever is left of it. */
import type { Client } from "../client/client.ts"
import { OvlError } from "../base/errors.ts"
import { daemonPid, daemonReady, startDaemon } from "./daemons.ts"
import { ensureHost, ensurePinMount } from "./hosts.ts"
import { LabPlaces } from "./places.ts"
import { bare, type LabHost, type Topology } from "./topology.ts"
import { wireUnderlay } from "./underlay.ts"

/** Says what is being done now; a terminal shows it, a pipe does not. */
export type Progress = (step: string) => void

/** Idempotent: what is there and right stays, the rest is made. Errors: lab_host_failed, lab_node_failed, and the API's. */
export async function labUp(topology: Topology, progress: Progress): Promise<void> {
  const places = new LabPlaces(topology.name)
  progress("hosts and cables")
  places.make()
  ensurePinMount(places)
  wireUnderlay(places, topology)
  await Promise.all(topology.hosts.map((host) => ensureHost(places, host.name)))
  const clients = await startNodes(places, topology, progress)
  await makeNetworks(clients, topology, progress)
  await makeWorkloads(clients, topology, progress)
}

async function startNodes(places: LabPlaces, topology: Topology, progress: Progress): Promise<Map<string, Client>> {
  const server = topology.hosts.find((host) => host.role === "server")
  if (!server) throw new OvlError("lab_no_server", `lab ${topology.name} has no server`, { kind: "invalid" })
  const clients = new Map<string, Client>()
  progress(`node ${server.name}`)
  const first = await startNode(places, server, ["serve", "--kv-prefix", topology.kvPrefix], {})
  clients.set(server.name, first)
  const others = topology.hosts.filter((host) => host !== server)
  progress(`nodes ${others.map((host) => host.name).join(", ")}`)
  await Promise.all(
    others.map(async (host) => {
      const token = daemonPid(places, host.name) === null ? (await first.createToken({})).token : ""
      const args = ["join", `${bare(server.address)}:8300`]
      clients.set(host.name, await startNode(places, host, args, { OVL_TOKEN: token }))
    }),
  )
  return clients
}

async function startNode(
  places: LabPlaces,
  host: LabHost,
  verb: string[],
  env: Record<string, string>,
): Promise<Client> {
  if (daemonPid(places, host.name) === null) {
    const identity = ["--name", host.name, "--advertise", bare(host.address), "--data-dir", places.nodeData(host.name)]
    startDaemon(places, host.name, [...verb, ...identity], env)
  }
  return daemonReady(places, host.name)
}

async function makeNetworks(clients: Map<string, Client>, topology: Topology, progress: Progress): Promise<void> {
  const client = [...clients.values()][0]!
  const there = new Set((await client.networks()).map((network) => network.name))
  for (const network of topology.networks) {
    if (there.has(network.name)) continue
    progress(`network ${network.name}`)
    await client.createNetwork({ name: network.name, subnets: [{ subnet: network.subnet }] })
  }
}

/** One after another, in the file's order: the addresses follow it. */
async function makeWorkloads(clients: Map<string, Client>, topology: Topology, progress: Progress): Promise<void> {
  for (const workload of topology.workloads) {
    const client = clients.get(workload.host)!
    const known = (await client.workloads()).find((each) => each.name === workload.name)
    if (known?.status === "running") continue
    progress(`workload ${workload.name} on ${workload.host}`)
    if (known) await client.removeWorkload(workload.name, { force: true })
    await client.run({ networks: [workload.network], name: workload.name, detach: true })
  }
}
