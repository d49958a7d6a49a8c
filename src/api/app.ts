/**
 * The HTTP application of a node: ovl's own routes from their table, Consul's paths, and the errors of both. It is
 * mounted behind every listener; which one a request came through is in its bindings and decides what it may do.
 */
import { Hono } from "hono"
import type { LocalNode } from "../agent/port.ts"
import type { Log } from "../base/log.ts"
import { authorize, refuseForeign } from "./access.ts"
import { answerConsul } from "./consul/dispatch.ts"
import { type AppEnv, type Bindings, pathOf } from "./context.ts"
import { errorAnswer, methodNotAllowed, pathUnknown } from "./errors.ts"
import { openApiRoute } from "./openapi.ts"
import type { Route } from "./route.ts"
import { OWN_ROUTES } from "./routes/table.ts"

export interface AppOptions {
  log: Log
}

export function createApp(node: LocalNode, { log }: AppOptions): Hono<AppEnv> {
  // The path as it came: Hono would decode parts of it, and a key must be decoded exactly once.
  const app = new Hono<AppEnv>({ getPath: (_request, options) => pathOf(options!.env!.target) })
  app.all("/v1/*", (context) => answerConsul(node, log, context.req.raw, context.env))
  for (const [path, routes] of byPath([...OWN_ROUTES, openApiRoute])) {
    app.all(path, async (context) => {
      const { raw } = context.req
      admit(context.env, raw)
      const method = raw.method === "HEAD" ? "GET" : raw.method
      const route = routes.find((one) => one.method === method)
      const { requirement } = route ?? routes[0]!
      await authorize(
        context.env.listener,
        requirement,
        { method, target: context.env.target, headers: raw.headers },
        node.cluster,
      )
      if (!route)
        return methodNotAllowed(
          raw.method,
          pathOf(context.env.target),
          routes.map((one) => one.method),
        )
      return route.handle({ node, log, request: raw, params: context.req.param(), bindings: context.env })
    })
  }
  app.notFound(async (context) => {
    const { raw } = context.req
    const path = pathOf(context.env.target)
    admit(context.env, raw)
    // Who may not ask is not told either what there is.
    const requirement = path.startsWith("/api/") ? "read" : "open"
    await authorize(
      context.env.listener,
      requirement,
      { method: raw.method, target: context.env.target, headers: raw.headers },
      node.cluster,
    )
    throw pathUnknown(raw.method, path)
  })
  app.onError((error) => errorAnswer(error, log))
  return app
}

/** Other nodes come here for Consul's paths only. */
function admit({ listener, target }: Bindings, request: Request): void {
  if (listener.kind === "peer") throw pathUnknown(request.method, pathOf(target))
  refuseForeign(listener, request.headers)
}

function byPath(routes: Route[]): Map<string, Route[]> {
  const grouped = new Map<string, Route[]>()
  for (const route of routes) grouped.set(route.path, [...(grouped.get(route.path) ?? []), route])
  return grouped
}
