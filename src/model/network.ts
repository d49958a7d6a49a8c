/**
 * A network: an isolated layer-2 segment with a VNI. `NetworkRecord` is what the store keeps, `NetworkView` is the
 * contract's JSON, `NetworkSpec` is what a person asks for.
 */
import { z } from "zod"
import { LABEL_MAX_CHARS, LABELS_MAX, MTU_MAX_BYTES, MTU_MIN_BYTES, VNI_MAX } from "../base/limits.ts"
import { type EndpointView, endpointViewSchema } from "./endpoint.ts"
import { KERNEL_OBJECTS, KERNEL_STATES, type KernelView } from "./kernel-view.ts"
import { nameSchema } from "./names.ts"

export const subnetSchema = z.object({ subnet: z.string(), gateway: z.string() })
export const labelsSchema = z
  .record(z.string().min(1).max(LABEL_MAX_CHARS), z.string().max(LABEL_MAX_CHARS))
  .refine((labels) => Object.keys(labels).length <= LABELS_MAX, `at most ${LABELS_MAX} labels`)

/** What `POST /api/v1/networks` takes. Whatever is left out is chosen. */
export const networkSpecSchema = z.strictObject({
  name: nameSchema,
  subnets: z.array(z.strictObject({ subnet: z.string(), gateway: z.string().optional() })).optional(),
  ipRange: z.string().optional(),
  vni: z.int().optional(),
  mtu: z.int().optional(),
  internal: z.boolean().optional(),
  secure: z.boolean().optional(),
  multicast: z.boolean().optional(),
  allowSpoof: z.boolean().optional(),
  tenant: z.string().optional(),
  driver: z.string().optional(),
  labels: labelsSchema.optional(),
})
export type NetworkSpec = z.infer<typeof networkSpecSchema>

/** What the store keeps. `mtu` 0 means: derived from the underlay of the nodes. */
export const networkRecordSchema = z.object({
  id: z.string().length(64),
  name: nameSchema,
  tenant: z.string(),
  vni: z.int().min(1).max(VNI_MAX),
  subnets: z.array(subnetSchema),
  ipRange: z.string().nullable(),
  mtu: z.int().min(0).max(MTU_MAX_BYTES),
  internal: z.boolean(),
  secure: z.boolean(),
  multicast: z.boolean(),
  /** Endpoints may send under other MACs and addresses than their own. Older records do not have it. */
  allowSpoof: z.boolean().optional(),
  labels: labelsSchema,
  created: z.string(),
})
export type NetworkRecord = z.infer<typeof networkRecordSchema>

const kernelViewSchema: z.ZodType<KernelView> = z.object({
  netns: z.string(),
  inSync: z.boolean(),
  rows: z.array(
    z.object({
      state: z.enum(KERNEL_STATES),
      object: z.enum(KERNEL_OBJECTS),
      device: z.string(),
      endpoint: z.string().nullable(),
      expected: z.string().nullable(),
      found: z.string().nullable(),
    }),
  ),
})

export const networkViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  tenant: z.string(),
  driver: z.literal("overlay"),
  scope: z.literal("global"),
  vni: z.int(),
  subnets: z.array(subnetSchema),
  mtu: z.int().min(MTU_MIN_BYTES),
  secure: z.boolean(),
  internal: z.boolean(),
  multicast: z.boolean(),
  allowSpoof: z.boolean(),
  labels: z.record(z.string(), z.string()),
  created: z.string(),
  endpoints: z.array(endpointViewSchema),
  local: z.object({ netns: z.string(), bridge: z.string(), vxlan: z.string() }).nullable(),
  /** Only where it was asked for; null where the node has no part in it. */
  kernel: kernelViewSchema.nullable().optional(),
})
export type NetworkView = z.infer<typeof networkViewSchema>

export type { EndpointView }
