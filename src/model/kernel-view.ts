/**
 * One network of this node as its kernel has it, each object beside what should be there: what
 * `ovl network inspect --kernel` shows. `overlay/kernel-view.ts` makes it from the two sides; its schema is in
 * `network.ts`, as the command line reads these words and is not to load a library of schemas for them.
 */

/** `missing`: wanted and not there; `foreign`: there and wanted by nobody; `differs`: there, but otherwise than wanted. */
export const KERNEL_STATES = ["ok", "missing", "foreign", "differs"] as const

/** In the words of `ip` and `bridge`, and in the order in which they are shown. */
export const KERNEL_OBJECTS = ["netns", "link", "addr", "fdb", "neigh"] as const

export interface KernelRow {
  state: (typeof KERNEL_STATES)[number]
  object: (typeof KERNEL_OBJECTS)[number]
  /** Of a link itself, or of what stands on it; `lo` for the namespace. */
  device: string
  /** Name of the endpoint whose port or row it is; null where it is the network's own, or nobody's. */
  endpoint: string | null
  /** As `ip` and `bridge` write it; null where nothing is. */
  expected: string | null
  found: string | null
}

export interface KernelView {
  netns: string
  /** Everything in `rows` is `ok`. */
  inSync: boolean
  rows: KernelRow[]
}
