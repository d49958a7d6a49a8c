/** What the daemons of a lab say is there. */
import type { Client } from "../../client/client.ts"
import type { LiveCluster } from "./plan.ts"

/** Each node's client, by the host's name. */
export type Clients = ReadonlyMap<string, Client>

/** `server` is the one that is asked about the whole cluster. */
export async function lookAtCluster(clients: Clients, server: string): Promise<LiveCluster> {
  const client = clients.get(server)!
  const [networks, endpoints, workloads] = await Promise.all([
    client.networks(),
    client.endpoints(),
    Promise.all([...clients].map(async ([host, each]) => [host, await each.workloads()] as const)),
  ])
  return {
    networks: networks.map((network) => network.name),
    endpoints: endpoints.map(({ name, network, node }) => ({ name, network, node })),
    workloads: new Map(
      workloads.map(([host, all]) => [
        host,
        all.map(({ name, status }) => ({ name, isRunning: status === "running" })),
      ]),
    ),
  }
}
