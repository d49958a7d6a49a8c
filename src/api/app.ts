/**
 * The HTTP application of a node: ovl's own routes from their table, Consul's paths, and the errors of both. It is
 * mounted behind every listener; which one a request came through is in its bindings and decides what it may do.
 */
import { Hono } from "hono"
import type { LocalNode } from "../agent/port.ts"
import type { Log } from "../base/log.ts"
import { type Audit, askerOf, outcomeOf } from "./audit.ts"
import { authorize, type Requirement, refuseForeign } from "./access.ts"
import type { ConsulContext } from "./consul/call.ts"
import { audited, consulChange } from "./consul/audit.ts"
import { answerConsul } from "./consul/dispatch.ts"
import { answerFast } from "./consul/fast.ts"
import { type ConsulSettings, DEFAULT_SETTINGS } from "./consul/settings.ts"
import { Waits } from "./consul/waits.ts"
import { type AppEnv, type Application, type Bindings, pathOf } from "./context.ts"
import { errorAnswer, methodNotAllowed, pathUnknown } from "./errors.ts"
import { openApiRoute } from "./openapi.ts"
import type { Route, Trail } from "./route.ts"
import { OWN_ROUTES } from "./routes/table.ts"

export interface AppOptions {
  log: Log
  consul?: Partial<ConsulSettings>
  /** Given where somebody else wants to see who waits. */
  waits?: Waits
  /** Is told of every change; null where nobody wants to know. */
  audit?: Audit | null
}

/** Consul's paths, with a short way for single keys, and the Hono application for all others. */
export function createApp(
  node: LocalNode,
  { log, consul = {}, waits = new Waits(), audit = null }: AppOptions,
): Application {
  const context: ConsulContext = { node, settings: { ...DEFAULT_SETTINGS, ...consul }, waits }
  const hono = createHono(node, log, audit)
  return {
    fetch(request, bindings) {
      const isConsul = bindings.target.startsWith("/v1/")
      const change = isConsul && audit ? consulChange(request.method, bindings.target) : null
      if (audit && change && (audit.scope === "all" || !change.everyday)) {
        const answer = async (accepted: (tokenId: string) => void) =>
          (await answerFast(context, log, request, bindings)) ?? answerConsul(context, log, request, bindings, accepted)
        return audited(audit, change, { bindings, answer })
      }
      return (
        answerFast(context, log, request, bindings) ??
        (isConsul ? answerConsul(context, log, request, bindings) : hono.fetch(request, bindings))
      )
    },
  }
}

function createHono(node: LocalNode, log: Log, audit: Audit | null): Hono<AppEnv> {
  // The path as it came: Hono would decode parts of it, and a key must be decoded exactly once.
  const app = new Hono<AppEnv>({ getPath: (_request, options) => pathOf(options!.env!.target) })
  for (const [path, routes] of byPath([...OWN_ROUTES, openApiRoute])) {
    app.all(path, async ({ req, env }) => {
      const method = req.raw.method === "HEAD" ? "GET" : req.raw.method
      const route = routes.find((one) => one.method === method)
      const params = req.param()
      const trail: Trail = { object: Object.values<string>(params)[0] ?? "" }
      const answer = async (accepted?: (tokenId: string) => void) => {
        await admit(node, env, req.raw, (route ?? routes[0]!).requirement, accepted)
        if (!route) return methodNotAllowed(method, pathOf(env.target), methodsOf(routes))
        return route.handle({ node, log, request: req.raw, params, bindings: env, trail })
      }
      return audit && route?.change ? auditedRoute(audit, route.change, { node, env, trail, answer }) : answer()
    })
  }
  app.notFound(async ({ req, env }) => {
    // Who may not ask is not told either what there is.
    const path = pathOf(env.target)
    await admit(node, env, req.raw, path.startsWith("/api/") ? "read" : "open")
    throw pathUnknown(req.raw.method, path)
  })
  app.onError((error) => errorAnswer(error, log))
  return app
}

/** Answers, and writes the line of what was done, or of why it was not. */
async function auditedRoute(
  audit: Audit,
  what: string,
  {
    node,
    env,
    trail,
    answer,
  }: {
    node: LocalNode
    env: Bindings
    trail: Trail
    answer: (accepted: (tokenId: string) => void) => Promise<Response>
  },
): Promise<Response> {
  const asker = askerOf(env)
  try {
    const response = await answer((tokenId) => {
      asker.who = `token/${tokenId}`
    })
    const { object, revision = node.catalog.revision } = trail
    if (object !== null) audit.write(asker, { what, object }, { revision }, null)
    return response
  } catch (error) {
    const { object } = trail
    const { outcome, crowd } = outcomeOf(error)
    if (object !== null) audit.write(asker, { what, object }, outcome, crowd)
    throw error
  }
}

/** Lets pass who may ask for this. Other nodes come here for Consul's paths only. */
async function admit(
  node: LocalNode,
  { listener, target }: Bindings,
  request: Request,
  requirement: Requirement,
  accepted?: (tokenId: string) => void,
) {
  const { method, headers } = request
  if (listener.kind === "peer") throw pathUnknown(method, pathOf(target))
  refuseForeign(listener, headers)
  await authorize(listener, requirement, { method, target, headers, accepted }, node.cluster)
}

function methodsOf(routes: Route[]): string[] {
  return routes.map((route) => route.method)
}

function byPath(routes: Route[]): Map<string, Route[]> {
  const grouped = new Map<string, Route[]>()
  for (const route of routes) grouped.set(route.path, [...(grouped.get(route.path) ?? []), route])
  return grouped
}
