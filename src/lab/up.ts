/** `ovl lab up`: brings a lab to what its topology says, from nothing or from whatever is left of it. */
import { existsSync, readdirSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { LAB_POLL_MS, LAB_READY_TIMEOUT_MS } from "../base/limits.ts"
import type { Client } from "../client/client.ts"
import { checkName } from "../model/names.ts"
import { daemonReady, findDaemon, startDaemon, stopDaemon } from "./daemons.ts"
import { ensureHost, ensurePinMount } from "./hosts.ts"
import { lockLab } from "./lock.ts"
import { HOST_RUN_DIR, LabPlaces } from "./places.ts"
import { bare, type LabHost, type LabWorkload, type Topology } from "./topology.ts"
import { wireUnderlay } from "./underlay.ts"

/** Says what is being done now; a terminal shows it, a pipe does not. */
export type Progress = (step: string) => void

/** Each node's client, by the host's name. */
type Clients = Map<string, Client>

/** A join token lives as long as the join may take. */
const TOKEN_TTL_MS = LAB_READY_TIMEOUT_MS * 2

/**
 * Idempotent: what is there and right stays, the rest is made. Cut off at any point, it goes on when called again.
 * Errors: lab_busy, lab_differs (conflict), lab_inside, lab_host_failed, lab_node_failed, lab_not_ready, and the API's.
 */
export async function labUp(topology: Topology, progress: Progress): Promise<void> {
  const places = new LabPlaces(checkName(topology.name, "lab"))
  const lock = lockLab(places)
  try {
    progress("hosts and cables")
    places.make()
    places.saveTopology(topology)
    ensurePinMount(places)
    // What a daemon had set on the old interface is gone; at its start it looks at everything.
    for (const host of wireUnderlay(places, topology)) await stopDaemon(places, host)
    await Promise.all([...topology.hosts, topology.outside].map((host) => ensureHost(places, host.name)))
    const clients = await startNodes(places, topology, progress)
    await makeNetworks(clients, topology, progress)
    await makeWorkloads(clients, topology, progress)
  } finally {
    lock.release()
  }
}

async function startNodes(places: LabPlaces, topology: Topology, progress: Progress): Promise<Clients> {
  const server = topology.hosts.find((host) => host.role === "server")
  if (!server) throw new OvlError("lab_no_server", `lab ${topology.name} has no server`, { kind: "invalid" })
  progress(`node ${server.name}`)
  const first = await startNode(places, server, async () => ({
    args: ["serve", "--kv-prefix", topology.kvPrefix],
    env: {},
  }))
  const clients: Clients = new Map([[server.name, first]])
  const others = topology.hosts.filter((host) => host !== server)
  progress(`nodes ${others.map((host) => host.name).join(", ")}`)
  const join = [`${bare(server.address)}:8300`]
  await Promise.all(
    others.map(async (host) => {
      const how = async () => ({ args: ["join", ...join], env: await invitation(places, first, host) })
      clients.set(host.name, await startNode(places, host, how))
    }),
  )
  return clients
}

/** The token that a new node joins with; none for one that resumes. */
async function invitation(places: LabPlaces, server: Client, host: LabHost): Promise<Record<string, string>> {
  const known = (await server.nodes()).find((node) => node.name === host.name && node.state !== "left")
  const data = places.nodeData(host.name)
  const hasData = existsSync(data) && readdirSync(data).length > 0
  if (known && hasData) return {}
  // It lost its data: its name is taken by what it was.
  if (known) await server.removeNode(known.id)
  return { OVL_TOKEN: (await server.createToken({ uses: 1, ttlMs: TOKEN_TTL_MS })).token }
}

async function startNode(
  places: LabPlaces,
  host: LabHost,
  how: () => Promise<{ args: string[]; env: Record<string, string> }>,
): Promise<Client> {
  if (findDaemon(places, host.name) === null) {
    const { args, env } = await how()
    const directories = ["--run-dir", HOST_RUN_DIR, "--data-dir", places.nodeData(host.name)]
    const identity = ["--name", host.name, "--advertise", bare(host.address)]
    startDaemon(places, host.name, [...args, ...identity, ...directories], env)
  }
  return daemonReady(places, host.name)
}

async function makeNetworks(clients: Clients, topology: Topology, progress: Progress): Promise<void> {
  const client = [...clients.values()][0]!
  const there = new Set((await client.networks()).map((network) => network.name))
  for (const network of topology.networks) {
    if (there.has(network.name)) continue
    progress(`network ${network.name}`)
    await client.createNetwork({ name: network.name, subnets: [{ subnet: network.subnet }] })
  }
  const wanted = topology.networks.map((network) => network.name)
  await everyNodeSees(clients, wanted, async (each) => (await each.networks()).map((network) => network.name))
}

/** The hosts side by side; on each one after another, in the topology's order. */
async function makeWorkloads(clients: Clients, topology: Topology, progress: Progress): Promise<void> {
  progress("workloads")
  await Promise.all(
    [...clients].map(async ([host, client]) => {
      const wanted = topology.workloads.filter((workload) => workload.host === host)
      for (const workload of wanted) await ensureWorkload(client, workload)
    }),
  )
  const names = topology.workloads.map((workload) => workload.name)
  await everyNodeSees(clients, names, async (client) =>
    (await client.endpoints()).filter((each) => each.state === "up").map((each) => each.name),
  )
}

async function ensureWorkload(client: Client, workload: LabWorkload): Promise<void> {
  const { name, host, network, address } = workload
  const known = (await client.workloads()).find((each) => each.name === name)
  const endpoint = (await client.endpoints({ network })).find((each) => each.name === name && each.node === host)
  // A node that joined anew has its workloads still, but the cluster has forgotten their endpoints.
  if (known?.status === "running" && endpoint) return
  if (known) await client.removeWorkload(name, { force: true })
  await client.run({ networks: [network], name, ip: address, detach: true })
}

/** Resolves when every node lists all these names. Errors: lab_not_ready. */
async function everyNodeSees(
  clients: Clients,
  names: string[],
  list: (client: Client) => Promise<string[]>,
): Promise<void> {
  const until = performance.now() + LAB_READY_TIMEOUT_MS
  for (const [host, client] of clients) {
    for (;;) {
      const seen = new Set(await list(client))
      const missing = names.filter((name) => !seen.has(name))
      if (missing.length === 0) break
      if (performance.now() > until)
        throw new OvlError("lab_not_ready", `lab: node ${host} does not see ${missing.join(", ")}`, {
          kind: "unavailable",
          hint: `ask it: \`ovl lab exec ${host} -- ovl status\``,
        })
      await Bun.sleep(LAB_POLL_MS)
    }
  }
}
