/** `/openapi.json`: the API described in OpenAPI 3.1, written from the rows that it is mounted from. */
import { z } from "zod"
import { endpointViewSchema } from "../model/endpoint.ts"
import { networkSpecSchema, networkViewSchema } from "../model/network.ts"
import { nodeViewSchema, statusViewSchema, tokenCreatedSchema, tokenViewSchema } from "../model/node.ts"
import { raftViewSchema, recoveryPreviewSchema } from "../model/raft.ts"
import { runSpecSchema, workloadViewSchema } from "../model/workload.ts"
import { CONSUL_ENDPOINTS } from "./consul/table.ts"
import { type Route, route } from "./route.ts"
import { eventSchema } from "../model/event.ts"
import { OWN_ROUTES } from "./routes/table.ts"

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) })

/** What has a name in the description; everything else is written out where it is used. */
const named = z.registry<{ id: string }>()
named.add(networkViewSchema, { id: "Network" })
named.add(networkSpecSchema, { id: "NetworkSpec" })
named.add(endpointViewSchema, { id: "Endpoint" })
named.add(nodeViewSchema, { id: "Node" })
named.add(statusViewSchema, { id: "Status" })
named.add(raftViewSchema, { id: "Raft" })
named.add(recoveryPreviewSchema, { id: "Recovery" })
named.add(tokenViewSchema, { id: "Token" })
named.add(tokenCreatedSchema, { id: "TokenCreated" })
named.add(workloadViewSchema, { id: "Workload" })
named.add(runSpecSchema, { id: "WorkloadSpec" })
named.add(eventSchema, { id: "Event" })
named.add(errorSchema, { id: "Error" })

type Json = Record<string, unknown>

const ACCESS = {
  open: "Over TCP on a loopback address no token is asked for.",
  read: "Over TCP any valid token is asked for.",
  full: "Over TCP a token of role server is asked for.",
  socket: "Over the Unix socket only.",
}

export const openApiRoute: Route = route({
  method: "GET",
  path: "/openapi.json",
  summary: "This description",
  requirement: "open",
  answer: { status: 200, type: "application/json" },
  handle: async ({ node }) => describe(node.version),
})

export function describe(version: string): Json {
  const paths: Record<string, Json> = {}
  for (const row of [...OWN_ROUTES, openApiRoute]) {
    const path = row.path.replace(/:(\w+)/g, "{$1}")
    paths[path] = { ...paths[path], [row.method.toLowerCase()]: describeRoute(row) }
  }
  for (const { path, methods, summary } of CONSUL_ENDPOINTS) {
    const operation = { summary, tags: ["consul"], responses: { default: { description: "As Consul answers" } } }
    const template = path.endsWith("/") ? `${path}{rest}` : path
    const parameters = path.endsWith("/") ? { parameters: [pathParameter("rest")] } : {}
    paths[template] = { ...parameters, ...Object.fromEntries(methods.map((m) => [m.toLowerCase(), operation])) }
  }
  return {
    openapi: "3.1.0",
    info: { title: "ovl", version, description: "Overlay networks between Linux hosts." },
    security: [{ token: [] }, {}],
    paths,
    components: { schemas: namedSchemas(), securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  }
}

function describeRoute(row: Route): Json {
  const { schema, type, status } = row.answer
  const content = schema ? { "application/json": { schema: jsonSchema(schema) } } : type ? { [type]: {} } : undefined
  return {
    summary: row.summary,
    description: ACCESS[row.requirement],
    tags: ["ovl"],
    parameters: [...pathParameters(row.path), ...queryParameters(row.query)],
    ...(row.body ? { requestBody: { content: { "application/json": { schema: jsonSchema(row.body) } } } } : {}),
    responses: {
      [status]: { description: status === 204 ? "Done" : "OK", ...(content ? { content } : {}) },
      default: { description: "Error", content: { "application/json": { schema: jsonSchema(errorSchema) } } },
    },
  }
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => pathParameter(name!))
}

function pathParameter(name: string): Json {
  return { name, in: "path", required: true, schema: { type: "string" } }
}

function queryParameters(query: z.ZodObject | undefined): Json[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    schema: jsonSchema(schema as z.ZodType),
  }))
}

const reference = (id: string) => `#/components/schemas/${id}`

/** What goes in: so that fields may be added to answers, and none to questions. */
function namedSchemas(): Json {
  const { schemas } = z.toJSONSchema(named, { uri: reference, io: "input" })
  return Object.fromEntries(Object.entries(schemas).map(([id, { $id, $schema, ...schema }]) => [id, schema]))
}

function jsonSchema(schema: z.ZodType): Json {
  const id = named.get(schema)?.id
  if (id !== undefined) return { $ref: reference(id) }
  if (schema instanceof z.ZodArray) return { type: "array", items: jsonSchema(schema.element as z.ZodType) }
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input" })
  return rest
}
