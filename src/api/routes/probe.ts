/** `/api/v1/probe`: whether the overlay's packets pass between this node and others, each direction on its own. */
import { z } from "zod"
import { probeRequestSchema, probeViewSchema } from "../../model/probe.ts"
import { type Route, route } from "../route.ts"

export const probeRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/v1/probe",
    summary:
      "Try the ways to another node and back, or to all: on the VXLAN port, with small and with full-size frames",
    requirement: "full",
    body: probeRequestSchema,
    answer: { status: 200, schema: z.array(probeViewSchema) },
    handle: ({ node, body }) => node.probe(body.node ?? null),
  }),
]
