/** `/api/v1/tokens`: join tokens, which are also what the API asks for over TCP. Only its maker ever sees one. */
import { z } from "zod"
import { type TokenCreated, tokenCreatedSchema, tokenSpecSchema, tokenViewSchema } from "../../model/node.ts"
import { type Route, route } from "../route.ts"

export const tokenRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/tokens",
    summary: "All tokens, without their secrets",
    requirement: "read",
    answer: { status: 200, schema: z.array(tokenViewSchema) },
    handle: ({ node }) => node.cluster.listTokens(),
  }),
  route({
    method: "POST",
    path: "/api/v1/tokens",
    summary: "Make a token: role client, 24 hours and any number of uses unless said otherwise",
    requirement: "full",
    body: tokenSpecSchema,
    answer: { status: 201, schema: tokenCreatedSchema },
    change: "token create",
    object: ({ result }) => (result as TokenCreated | null)?.id ?? "",
    handle: ({ node, body }) => node.cluster.createToken(body),
  }),
  route({
    method: "DELETE",
    path: "/api/v1/tokens/:id",
    summary: "Take a token back",
    requirement: "full",
    answer: { status: 204 },
    change: "token rm",
    handle: ({ node, params }) => node.cluster.removeToken(params.id!),
  }),
]
