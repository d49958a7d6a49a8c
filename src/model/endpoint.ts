/**
 * An endpoint: one interface of a workload on a network. `EndpointRecord` is what the store keeps (references by id),
 * `EndpointView` is the contract's JSON (references by name).
 */
import { z } from "zod"
import { foldName, nameSchema } from "./names.ts"
import { portMappingSchema } from "./port-mapping.ts"

export const egressSchema = z.object({
  ifname: z.string(),
  ip: z.string(),
  gateway: z.string(),
  /** Null where there is no way out by IPv6. Older records have neither. */
  ip6: z.string().nullish(),
  gateway6: z.string().nullish(),
})
export type Egress = z.infer<typeof egressSchema>

export const endpointStateSchema = z.enum(["up", "pending", "failed"])

export const endpointRecordSchema = z.object({
  id: z.string().length(64),
  networkId: z.string(),
  nodeId: z.string(),
  /** The workload's name: shared by all its endpoints. */
  workload: nameSchema,
  /** The endpoint's own name: `<workload>` for the first, `<workload>.<network>` for the others. */
  name: z.string(),
  /** Address with the subnet's prefix length, such as `10.65.10.2/24`: IPv6 only where the network has nothing else. */
  ip: z.string(),
  /** The IPv6 address beside an IPv4 one; null where there are not both. Older records do not have it. */
  ip6: z.string().nullish(),
  mac: z.string(),
  ifname: z.string(),
  /** A path on the node that the endpoint lives on. */
  netns: z.string().nullable(),
  /** Device and inode of the namespace, so that a path that was taken over by another one is noticed. */
  netnsId: z.string().nullable(),
  /** `run`: made and owned by ovl. `attach`: somebody else's namespace. */
  origin: z.enum(["run", "attach"]),
  egress: egressSchema.nullable(),
  /** Ports of the node that lead here, by way of `egress`. Older records do not have it. */
  ports: z.array(portMappingSchema).optional(),
  state: endpointStateSchema,
  created: z.string(),
})
export type EndpointRecord = z.infer<typeof endpointRecordSchema>

/** What `POST /api/v1/endpoints` takes: an interface for a namespace that somebody else made. */
export const attachSpecSchema = z.strictObject({
  network: z.string(),
  name: nameSchema.optional(),
  netns: z.string().optional(),
  pid: z.int().positive().optional(),
  ifname: z.string().optional(),
  /** An IPv6 address is taken for `ip6`. */
  ip: z.string().optional(),
  ip6: z.string().optional(),
  mac: z.string().optional(),
  egress: z.boolean().optional(),
})
export type AttachSpec = z.infer<typeof attachSpecSchema>

/** What `POST /api/v1/networks/{ref}/connect` takes: one more interface for a workload that lives. */
export const connectSpecSchema = attachSpecSchema
  .omit({ network: true, name: true, netns: true, pid: true })
  .extend({ workload: nameSchema })
export type ConnectSpec = z.infer<typeof connectSpecSchema>

/** Whether it is an endpoint of the workload with this name. */
export function isOfWorkload(endpoint: Pick<EndpointRecord, "workload">, workload: string): boolean {
  return foldName(endpoint.workload) === foldName(workload)
}

/** The addresses of an endpoint with their prefix lengths, IPv4 first. */
export function addressesOf({ ip, ip6 }: Pick<EndpointRecord, "ip" | "ip6">): string[] {
  return ip6 ? [ip, ip6] : [ip]
}

const egressViewSchema = egressSchema.extend({ ip6: z.string().nullable(), gateway6: z.string().nullable() })

export const endpointViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  network: z.string(),
  node: z.string(),
  vtep: z.string(),
  /** On a network of IPv6 alone the same as `ip6`. */
  ip: z.string(),
  ip6: z.string().nullable(),
  mac: z.string(),
  ifname: z.string(),
  netns: z.string().nullable(),
  egress: egressViewSchema.nullable(),
  ports: z.array(portMappingSchema),
  state: endpointStateSchema,
  created: z.string(),
})
export type EndpointView = z.infer<typeof endpointViewSchema>
