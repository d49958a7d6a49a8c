/**
 * What is written down about a lab that is up: what it was asked to be, and what was made for it. So a later `up` knows
 * what is the lab's own and may go when the file no longer names it, and leaves alone what somebody made by hand. It is
 * written before anything is made and, with what is gone left out, after all is done.
 */
import { z } from "zod"
import { nameSchema } from "../model/names.ts"
import { type Topology, topologySchema } from "./topology.ts"

const ownNodeSchema = z.strictObject({ name: nameSchema, address: z.string(), role: z.enum(["server", "client"]) })
export type OwnNode = z.infer<typeof ownNodeSchema>

/** A workload, and how it was asked for: another request makes another workload. */
const ownWorkloadSchema = z.strictObject({ name: nameSchema, host: nameSchema, asked: z.string() })

/** The same of a network. */
const ownNetworkSchema = z.strictObject({ name: nameSchema, asked: z.string() })

export const labStateSchema = z.strictObject({
  topology: topologySchema,
  nodes: z.array(ownNodeSchema),
  networks: z.array(ownNetworkSchema),
  workloads: z.array(ownWorkloadSchema),
})
export type LabState = z.infer<typeof labStateSchema>

export function ownNodes({ hosts }: Topology): OwnNode[] {
  return hosts.map(({ name, address, role }) => ({ name, address, role }))
}

export function ownNetworks({ networks }: Topology): LabState["networks"] {
  return networks.map((network) => ({ name: network.name, asked: JSON.stringify(network) }))
}

export function ownWorkloads({ workloads }: Topology): LabState["workloads"] {
  return workloads.map((workload) => ({
    name: workload.name,
    host: workload.host,
    asked: JSON.stringify(workload),
  }))
}

/** Both, those of `now` before those of `before` that have the same name. */
export function together<T extends { name: string }>(before: readonly T[], now: readonly T[]): T[] {
  const names = new Set(now.map((each) => each.name))
  return [...now, ...before.filter((each) => !names.has(each.name))]
}
