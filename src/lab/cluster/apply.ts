/** Carries out what was planned for the networks and workloads of a lab, and waits until every node sees it. */
import { OvlError } from "../../base/errors.ts"
import { LAB_POLL_MS, LAB_READY_TIMEOUT_MS } from "../../base/limits.ts"
import type { Client } from "../../client/client.ts"
import { endpointName } from "../../model/names.ts"
import type { Progress } from "../progress.ts"
import type { LabWorkload, Topology } from "../topology.ts"
import type { Clients } from "./live.ts"
import type { ClusterStep } from "./steps.ts"

type StepOf<Kind extends ClusterStep["do"]> = Extract<ClusterStep, { do: Kind }>

/** Errors: lab_not_ready, and the API's. */
export async function applyCluster(
  clients: Clients,
  server: string,
  topology: Topology,
  steps: readonly ClusterStep[],
  progress: Progress,
): Promise<void> {
  const of = <Kind extends ClusterStep["do"]>(kind: Kind) =>
    steps.filter((step): step is StepOf<Kind> => step.do === kind)
  const first = clients.get(server)!
  const networksOf = async (client: Client) => (await client.networks()).map(nameOf)
  // A node that was cut off until now is not back at once.
  await everyNodeSees(topology, clients, [], networksOf)
  for (const { name, host } of of("workload-remove")) {
    progress(`workload ${name} goes`)
    await clients.get(host)!.removeWorkload(name, { force: true })
  }
  for (const { name } of of("network-remove")) {
    progress(`network ${name} goes`)
    await removeNetwork(first, name)
  }
  for (const { spec } of of("network-create")) {
    progress(`network ${spec.name}`)
    await first.createNetwork(spec)
  }
  const networks = topology.networks.map((network) => network.name)
  await everyNodeSees(topology, clients, networks, networksOf)
  progress("workloads")
  const runs = of("workload-run").map((step) => step.workload)
  // The hosts side by side; on each one after another, in the file's order.
  await Promise.all(
    [...clients].map(async ([host, client]) => {
      for (const workload of runs) if (workload.host === host) await run(client, workload)
    }),
  )
  const endpoints = topology.workloads.flatMap(({ name, networks: on }) =>
    on.map((network, at) => endpointName(name, network, at === 0)),
  )
  await everyNodeSees(topology, clients, endpoints, async (client) =>
    (await client.endpoints()).filter((each) => each.state === "up").map(nameOf),
  )
}

const nameOf = ({ name }: { name: string }) => name

/** One whose last endpoint has only just gone is still in use for a moment. */
async function removeNetwork(client: Client, name: string): Promise<void> {
  const until = performance.now() + LAB_READY_TIMEOUT_MS
  for (;;) {
    try {
      return await client.removeNetwork(name)
    } catch (error) {
      if (!(error instanceof OvlError) || error.kind !== "conflict" || performance.now() > until) throw error
      await Bun.sleep(LAB_POLL_MS)
    }
  }
}

async function run(client: Client, workload: LabWorkload): Promise<void> {
  const { name, networks, address, address6, mac, hostname, env, command, publish } = workload
  await client.run({
    networks,
    name,
    ip: address ?? undefined,
    ip6: address6 ?? undefined,
    mac: mac ?? undefined,
    hostname: hostname ?? undefined,
    env,
    command: command.length === 0 ? undefined : command,
    publish: publish.length === 0 ? undefined : publish,
    detach: true,
    cwd: "/",
  })
}

/** Resolves when every node answers, and lists all these names. Errors: lab_not_ready. */
async function everyNodeSees(
  topology: Topology,
  clients: Clients,
  names: readonly string[],
  list: (client: Client) => Promise<string[]>,
): Promise<void> {
  const until = performance.now() + LAB_READY_TIMEOUT_MS
  for (const [host, client] of clients) {
    for (;;) {
      const seen = await listOrWhy(client, list)
      const missing = typeof seen === "string" ? [] : names.filter((name) => !seen.includes(name))
      if (typeof seen !== "string" && missing.length === 0) break
      if (performance.now() > until) {
        const why = typeof seen === "string" ? seen : `it does not see ${missing.join(", ")}`
        throw new OvlError("lab_not_ready", `lab ${topology.name}: node ${host} is not ready: ${why}`, {
          kind: "unavailable",
          hint: `ask it: \`ovl lab exec --name ${topology.name} ${host} -- ovl status\``,
        })
      }
      await Bun.sleep(LAB_POLL_MS)
    }
  }
}

/** What it lists, or why it cannot for the moment. */
async function listOrWhy(client: Client, list: (client: Client) => Promise<string[]>): Promise<string[] | string> {
  try {
    return await list(client)
  } catch (error) {
    if (error instanceof OvlError && error.kind === "unavailable") return error.message
    throw error
  }
}
