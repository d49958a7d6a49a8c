/**
 * One network of this node as its kernel has it, each object beside what should be there: what
 * `ovl network inspect --kernel` shows. `overlay/kernel-view.ts` makes it from the two sides.
 */
import { z } from "zod"

/** `missing`: wanted and not there; `foreign`: there and wanted by nobody; `differs`: there, but otherwise than wanted. */
export const KERNEL_STATES = ["ok", "missing", "foreign", "differs"] as const
export type KernelState = (typeof KERNEL_STATES)[number]

/** In the words of `ip` and `bridge`, and in the order in which they are shown. */
export const KERNEL_OBJECTS = ["netns", "link", "addr", "fdb", "neigh"] as const

export const kernelRowSchema = z.object({
  state: z.enum(KERNEL_STATES),
  object: z.enum(KERNEL_OBJECTS),
  /** Of a link itself, or of what stands on it; `lo` for the namespace. */
  device: z.string(),
  /** Name of the endpoint whose port or row it is; null where it is the network's own, or nobody's. */
  endpoint: z.string().nullable(),
  /** As `ip` and `bridge` write it; null where nothing is. */
  expected: z.string().nullable(),
  found: z.string().nullable(),
})
export type KernelRow = z.infer<typeof kernelRowSchema>

export const kernelViewSchema = z.object({
  netns: z.string(),
  /** Everything in `rows` is `ok`. */
  inSync: z.boolean(),
  rows: z.array(kernelRowSchema),
})
export type KernelView = z.infer<typeof kernelViewSchema>
