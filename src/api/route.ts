/**
 * One row of the API: method, path, who may, what goes in, what comes out, and the function that does it. The
 * application is mounted from these rows and /openapi.json is written from them, so the two cannot differ.
 */
import { z } from "zod"
import type { LocalNode } from "../agent/port.ts"
import { API_BODY_MAX_BYTES } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { Requirement } from "./access.ts"
import { readJson } from "./body.ts"
import { type Bindings, queryOf } from "./context.ts"
import { schemaError } from "./errors.ts"

/** A switch in a query: `?force`, `?force=true`, `?force=false`; left out, it is off. */
export const switchSchema = z
  .enum(["", "true", "false", "1", "0"])
  .optional()
  .transform((text) => text === "" || text === "true" || text === "1")

/** A request whose body and query have passed the row's schemas. */
export interface RouteCall<Body, Query> {
  node: LocalNode
  log: Log
  params: Record<string, string>
  body: Body
  query: Query
  /** Aborted when the caller is gone. */
  signal: AbortSignal
  holdOpen(): void
  /** As the node's; the revision is told to the audit as that of the change. */
  waitFor(revision: number): Promise<void>
}

export type RouteMethod = "GET" | "POST" | "DELETE"

export interface Route {
  method: RouteMethod
  /** As Hono writes it: `/api/v1/networks/:ref`. */
  path: string
  summary: string
  requirement: Requirement
  body?: z.ZodType
  query?: z.ZodObject
  /** `schema` is the JSON that comes back; `type` stands for what is not JSON. Neither: no body (204). */
  answer: { status: 200 | 201 | 204; schema?: z.ZodType; type?: string }
  /** Noun and verb of what it changes, for the audit: `network create`. A row that is no GET and has none only looks. */
  change?: string
  handle(request: RouteRequest): Promise<Response>
}

/** What the application hands to a row. */
export interface RouteRequest {
  node: LocalNode
  log: Log
  request: Request
  params: Record<string, string>
  bindings: Bindings
  trail: Trail
}

/** What becomes known of a change while it is made, for its audit line. */
export interface Trail {
  /** Null where this one changes nothing after all. */
  object: string | null
  revision?: number
}

interface Definition<Body extends z.ZodType, Query extends z.ZodObject>
  extends Omit<Route, "handle" | "body" | "query"> {
  body?: Body
  query?: Query
  /**
   * What the audit calls that which is changed; left out, the first word of the path that is not fixed. Asked before
   * the change, with a `result` of null, and after it. Null: this call changes nothing.
   */
  object?(given: { params: Record<string, string>; body: z.infer<Body>; result: unknown }): string | null
  /** Gives the JSON of the answer, a ready Response where it is not JSON, or nothing for 204. */
  handle(call: RouteCall<z.infer<Body>, z.infer<Query>>): Promise<unknown>
}

/** Makes a row: ties the types of its schemas to its function, and puts the checking in front of it. */
export function route<Body extends z.ZodType = z.ZodUndefined, Query extends z.ZodObject = z.ZodObject>(
  definition: Definition<Body, Query>,
): Route {
  const { body: bodySchema, query: querySchema, answer, method } = definition
  return {
    ...definition,
    async handle({ node, log, request, params, bindings, trail }) {
      const nameIt = (result: unknown) => {
        if (definition.object) trail.object = definition.object({ params, body, result })
      }
      const query = checkQuery(queryOf(bindings.target), querySchema) as z.infer<Query>
      const body = (bodySchema ? await checkBody(request, bodySchema) : undefined) as z.infer<Body>
      // Work on the kernel, or a wait for other nodes, may take longer than a connection may be silent.
      if (method !== "GET") bindings.holdOpen()
      const { signal } = request
      const holdOpen = () => bindings.holdOpen()
      const waitFor = (revision: number) => {
        trail.revision = revision
        return node.waitFor(revision)
      }
      nameIt(null)
      const result = await definition.handle({ node, log, params, body, query, signal, holdOpen, waitFor })
      nameIt(result)
      if (result instanceof Response) return result
      if (answer.status === 204) return new Response(null, { status: 204 })
      return Response.json(result, { status: answer.status })
    },
  }
}

async function checkBody(request: Request, schema: z.ZodType): Promise<unknown> {
  const parsed = schema.safeParse(await readJson(request, API_BODY_MAX_BYTES))
  if (!parsed.success) throw schemaError(parsed.error, "request", "request_invalid", "invalid")
  return parsed.data
}

const NO_PARAMETERS = z.strictObject({})

/** `token` belongs to the access rules and may stand in every query. */
function checkQuery(raw: string, schema: z.ZodObject = NO_PARAMETERS): Record<string, unknown> {
  const given = Object.fromEntries([...new URLSearchParams(raw)].filter(([name]) => name !== "token"))
  const parsed = schema.safeParse(given)
  if (!parsed.success) throw schemaError(parsed.error, "query", "query_invalid", "usage")
  return parsed.data
}
