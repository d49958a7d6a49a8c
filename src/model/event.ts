/** One thing that happened on a node: what `/api/v1/events` streams. */
import { z } from "zod"

export const eventSchema = z.object({
  time: z.string(),
  /** The name of the node that tells it. */
  node: z.string(),
  /** A stable word such as `network_created`, `endpoint_up`, `repaired`. */
  type: z.string(),
  /** A sentence for people. */
  message: z.string(),
  fields: z.record(z.string(), z.string()),
})
export type EventView = z.infer<typeof eventSchema>
