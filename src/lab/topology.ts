/**
 * What a lab is made of: hosts on one underlay, an outside, networks and workloads. The built-in one is the article's:
 * two hosts, two networks with the same subnet, two workloads on each.
 */
import { z } from "zod"
import { NAME_PATTERN } from "../model/names.ts"

const nameSchema = z.string().regex(NAME_PATTERN)

const hostSchema = z.strictObject({
  name: nameSchema,
  /** On the underlay, with prefix length. */
  address: z.string(),
  role: z.enum(["server", "client"]),
})
export type LabHost = z.infer<typeof hostSchema>

const workloadSchema = z.strictObject({
  name: nameSchema,
  host: nameSchema,
  network: nameSchema,
  /** Fixed, so that a workload that is repaired is where the others look for it. */
  address: z.string(),
})
export type LabWorkload = z.infer<typeof workloadSchema>

const networkSchema = z.strictObject({ name: nameSchema, subnet: z.string() })
export type LabNetwork = z.infer<typeof networkSchema>

export const topologySchema = z.strictObject({
  name: nameSchema,
  kvPrefix: z.string(),
  hosts: z.array(hostSchema),
  /** A host that stands for the internet: it knows the underlay and no container address. */
  outside: z.strictObject({ name: nameSchema, underlay: z.string(), address: z.string() }),
  networks: z.array(networkSchema),
  workloads: z.array(workloadSchema),
})
export type Topology = z.infer<typeof topologySchema>

export const RED_GREEN: Topology = {
  name: "red-green",
  kvPrefix: "swarm",
  hosts: [
    { name: "swarm-01", address: "192.168.1.51/24", role: "server" },
    { name: "swarm-02", address: "192.168.1.52/24", role: "client" },
  ],
  outside: { name: "outside", underlay: "192.168.1.254/24", address: "203.0.113.1/32" },
  networks: [
    { name: "red", subnet: "10.65.10.0/24" },
    { name: "green", subnet: "10.65.10.0/24" },
  ],
  workloads: [
    { name: "namespace_01", host: "swarm-01", network: "red", address: "10.65.10.2" },
    { name: "namespace_03", host: "swarm-02", network: "red", address: "10.65.10.3" },
    { name: "namespace_02", host: "swarm-01", network: "green", address: "10.65.10.2" },
    { name: "namespace_04", host: "swarm-02", network: "green", address: "10.65.10.3" },
  ],
}

/** An address without its prefix length. */
export function bare(address: string): string {
  return address.split("/")[0] ?? address
}

/** What to try in a lab that is up: lines for a shell. */
export function nextSteps(topology: Topology): string[] {
  const name = topology.name === RED_GREEN.name ? "" : ` --name ${topology.name}`
  const inside = (host: string, command: string) => `ovl lab exec${name} ${host} -- ${command}`
  const records = `localhost:8500/v1/kv/${topology.kvPrefix}/docker/network/v1.0/overlay/network/?recurse`
  const last = topology.hosts.at(-1)
  const asker = topology.workloads.find((workload) => workload.host === last?.name)
  const answerer = topology.workloads.find((each) => each.network === asker?.network && each.host !== asker?.host)
  const lines = [`ovl lab verify${name}`]
  if (asker && answerer) lines.push(inside(asker.host, `ovl exec ${asker.name} ping -c1 ${answerer.name}`))
  if (last) {
    lines.push(
      inside(last.name, `curl -s '${records}'`),
      inside(last.name, "ip netns ls"),
      inside(last.name, "tcpdump -ni eth0 udp port 4789"),
    )
  }
  return [...lines, `ovl lab down${name}`]
}
