/** `/api/v1/status` and `/healthz`: how this node and its cluster are. */
import { statusViewSchema } from "../../model/node.ts"
import { type Route, route } from "../route.ts"

export const statusRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/status",
    summary: "Health of this node, and facts about it and its cluster",
    requirement: "read",
    answer: { status: 200, schema: statusViewSchema },
    handle: ({ node }) => node.status(),
  }),
  route({
    method: "GET",
    path: "/healthz",
    summary: "`ok`, or 503 and the codes of what is wrong",
    requirement: "open",
    answer: { status: 200, type: "text/plain" },
    async handle({ node }) {
      const { health, problems } = await node.status()
      if (health === "ok") return new Response("ok\n")
      return new Response(`degraded: ${problems.map(({ code }) => code).join(" ")}\n`, { status: 503 })
    },
  }),
]
