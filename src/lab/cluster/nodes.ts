/** The nodes of a lab: their daemons started, joined and resumed, and taken out of the cluster again. */
import { existsSync, readdirSync, rmSync } from "node:fs"
import { OvlError } from "../../base/errors.ts"
import { LAB_POLL_MS, LAB_READY_TIMEOUT_MS, LAB_STOP_TIMEOUT_MS } from "../../base/limits.ts"
import type { Client } from "../../client/client.ts"
import { clientOf, daemonPid, daemonReady, findDaemon, startDaemon, stopDaemon } from "../daemons.ts"
import { HOST_RUN_DIR, type LabPlaces } from "../places.ts"
import { endProcesses } from "../processes.ts"
import type { LabHost, Topology } from "../topology.ts"
import { removeStation } from "../underlay/apply.ts"
import type { Clients } from "./live.ts"
import { nodeArguments } from "./steps.ts"

/** A join token lives as long as the join may take. */
const TOKEN_TTL_MS = LAB_READY_TIMEOUT_MS * 2

/**
 * Starts what does not run: first those that only resume, all at once, as several servers need each other to begin;
 * then those that join. Errors: lab_node_failed, and the API's.
 */
export async function startNodes(
  places: LabPlaces,
  topology: Topology,
  hosts: readonly LabHost[],
  server: LabHost,
): Promise<Clients> {
  const clients = new Map<string, Client>()
  const start = async (host: LabHost, env: Record<string, string>) => {
    if (findDaemon(places, host.name) === null) {
      const directories = ["--run-dir", HOST_RUN_DIR, "--data-dir", places.nodeData(host.name)]
      startDaemon(places, host.name, [...nodeArguments(topology, host, server), ...directories], env)
    }
    clients.set(host.name, await daemonReady(places, host.name))
  }
  // Looked at once: a daemon that an earlier `up` has left behind may be about to write its first data.
  const joining = hosts.filter((host) => host.name !== server.name && !hasData(places, host.name))
  await Promise.all(hosts.filter((host) => !joining.includes(host)).map((host) => start(host, {})))
  const first = clients.get(server.name)!
  await Promise.all(
    joining.map(async (host) => {
      const running = findDaemon(places, host.name) !== null
      await start(host, running ? {} : { OVL_TOKEN: await invitation(first, host) })
    }),
  )
  // In the file's order, whoever was ready first.
  return new Map(hosts.map((host) => [host.name, clients.get(host.name)!]))
}

function hasData(places: LabPlaces, host: string): boolean {
  const data = places.nodeData(host)
  return existsSync(data) && readdirSync(data).length > 0
}

/** The token that a new node joins with. One that lost its data is what takes its own name: that one goes first. */
async function invitation(server: Client, { name, role }: LabHost): Promise<string> {
  const known = (await server.nodes()).find((node) => node.name === name && node.state !== "left")
  if (known) await server.removeNode(known.id)
  return (await server.createToken({ role, uses: 1, ttlMs: TOKEN_TTL_MS })).token
}

/** Takes a node out of the cluster, and its host out of the lab. `server` is one that stays. */
export async function removeNode(places: LabPlaces, host: string, server: Client): Promise<void> {
  if (findDaemon(places, host) !== null) await leave(places, host)
  await stopDaemon(places, host)
  const known = (await server.nodes()).find((node) => node.name === host && node.state !== "left")
  if (known) await server.removeNode(known.id)
  await endProcesses(places, [host])
  removeStation(places, host)
  rmSync(places.nodeData(host), { recursive: true, force: true })
  rmSync(places.nodeLog(host), { force: true })
}

/** A node that cannot leave by itself is removed by the others all the same. */
async function leave(places: LabPlaces, host: string): Promise<void> {
  try {
    await clientOf(places, host).leave()
  } catch (error) {
    if (error instanceof OvlError) return
    throw error
  }
  const until = performance.now() + LAB_STOP_TIMEOUT_MS
  while (daemonPid(places, host) !== null && performance.now() < until) await Bun.sleep(LAB_POLL_MS)
}
