/**
 * What a lab is made of, with nothing left open: hosts on one underlay, an outside, networks, workloads, and what is
 * expected of them. A file leaves much out (`file/`); whatever it does not say has been chosen here.
 */
import { z } from "zod"
import { nameSchema, NAME_PATTERN } from "../model/names.ts"
import { networkSpecSchema } from "../model/network.ts"
import { expectationSchema } from "./expectation.ts"

const labNameSchema = z.string().regex(NAME_PATTERN)

const hostSchema = z.strictObject({
  name: nameSchema,
  /** On the underlay, with prefix length. */
  address: z.string(),
  role: z.enum(["server", "client"]),
  /** Of the cable, both ends. */
  mtu: z.int(),
  /** What the cable carries each way, in bits a second; null: as much as it can. */
  rateBits: z.int().nullable(),
  /** Whether the cable is plugged in. */
  cable: z.enum(["up", "down"]),
})
export type LabHost = z.infer<typeof hostSchema>

const workloadSchema = z.strictObject({
  name: nameSchema,
  host: nameSchema,
  /** The first becomes eth0. */
  networks: z.array(nameSchema).min(1),
  /** On the first network, fixed, so that a workload that is repaired is where the others look; null: the next free. */
  address: z.string().nullable(),
  address6: z.string().nullable(),
  mac: z.string().nullable(),
  hostname: z.string().nullable(),
  command: z.array(z.string()),
  env: z.array(z.string()),
  publish: z.array(z.string()),
})
export type LabWorkload = z.infer<typeof workloadSchema>

/** Two stations of the underlay between which nothing passes. */
export type Cut = readonly [string, string]

export const topologySchema = z.strictObject({
  name: labNameSchema,
  description: z.string(),
  kvPrefix: z.string(),
  underlay: z.strictObject({ subnet: z.string(), mtu: z.int() }),
  hosts: z.array(hostSchema),
  /** A host that stands for the internet: it knows the underlay and no container address. */
  outside: z.strictObject({ name: nameSchema, underlay: z.string(), address: z.string() }),
  cuts: z.array(z.tuple([nameSchema, nameSchema])),
  networks: z.array(networkSpecSchema),
  workloads: z.array(workloadSchema),
  expect: z.array(expectationSchema),
})
export type Topology = z.infer<typeof topologySchema>

/** An address without its prefix length. */
export function bare(address: string): string {
  return address.split("/")[0] ?? address
}

/** The host that starts the cluster. */
export function firstServer(topology: Topology): LabHost {
  return topology.hosts.find((host) => host.role === "server")!
}

/** Whether frames pass between two stations of the underlay, as the file has it. */
export function areConnected(topology: Topology, a: string, b: string): boolean {
  if (a === b) return true
  const isUnplugged = (name: string) => topology.hosts.some((host) => host.name === name && host.cable === "down")
  const isCut = topology.cuts.some((cut) => cut.includes(a) && cut.includes(b))
  return !isUnplugged(a) && !isUnplugged(b) && !isCut
}

/** The hosts in touch with a server that more than half of the servers hear; none where nobody can lead. */
export function leadableHosts(topology: Topology): LabHost[] {
  const servers = topology.hosts.filter((host) => host.role === "server")
  const hears = (server: LabHost) => servers.filter((each) => areConnected(topology, server.name, each.name)).length
  const leader = servers.find((server) => hears(server) > servers.length / 2)
  return leader ? topology.hosts.filter((host) => areConnected(topology, host.name, leader.name)) : []
}

/** What to try in a lab that is up: lines for a shell. `usual` is the lab that needs no `--name`. */
export function nextSteps(topology: Topology, usual: string): string[] {
  const name = topology.name === usual ? "" : ` --name ${topology.name}`
  const inside = (host: string, command: string) => `ovl lab exec${name} ${host} -- ${command}`
  const records = `localhost:8500/v1/kv/${topology.kvPrefix}/docker/network/v1.0/overlay/network/?recurse`
  const last = topology.hosts.at(-1)
  const asker = topology.workloads.find((workload) => workload.host === last?.name)
  const answerer = topology.workloads.find(
    (each) => each.networks[0] === asker?.networks[0] && each.host !== asker?.host,
  )
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
