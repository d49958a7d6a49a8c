/** Consul's `/v1/catalog/` and `/v1/health/`: the cluster's members, who run the one service `consul`, read-only. */
import { ALIVE_PREFIX, NODES_PREFIX } from "../../registry/keys.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall, ConsulEndpoint } from "./call.ts"
import { afterWaiting, beforeReading, freshness } from "./consistency.ts"
import { decodeSegment } from "./decode.ts"
import {
  CONSUL_SERVICE,
  checkJson,
  DATACENTER,
  memberNamed,
  members,
  nodeJson,
  servers,
  serviceJson,
  serviceOfNodeJson,
} from "./members.ts"
import { consulJson, readHeaders } from "./respond.ts"

const STATES = ["any", "passing", "warning", "critical", "unknown", "maintenance"]

const common = { methods: ["GET"] as "GET"[], access: "reading", bodyMaxBytes: 0 } as const

export const catalogEndpoints: ConsulEndpoint[] = [
  {
    ...common,
    local: true,
    path: "/v1/catalog/datacenters",
    summary: "The one datacenter",
    handle: ({ pretty }) => consulJson([DATACENTER], pretty),
  },
  {
    ...common,
    path: "/v1/catalog/nodes",
    summary: "The cluster's members",
    handle: (call) => answer(call, () => members(call.node.catalog).map((record) => nodeJson(call.store, record))),
  },
  {
    ...common,
    path: "/v1/catalog/services",
    summary: "The names of services: consul alone",
    handle: (call) => answer(call, () => ({ [CONSUL_SERVICE]: [] })),
  },
  {
    ...common,
    path: "/v1/catalog/service/",
    summary: "Who runs a service: of consul, the servers",
    handle: (call) =>
      named(call, "service name", (name) =>
        answer(call, () => serversOf(call, name).map((record) => serviceOfNodeJson(call.store, record))),
      ),
  },
  {
    ...common,
    path: "/v1/catalog/node/",
    summary: "One member and its services",
    handle: (call) => named(call, "node name", (name) => answer(call, () => nodeWithServices(call, name))),
  },
]

export const healthEndpoints: ConsulEndpoint[] = [
  {
    ...common,
    path: "/v1/health/node/",
    summary: "Whether a member is heard from",
    handle: (call) =>
      named(call, "node name", (name) =>
        answer(call, () => checks(call).filter(({ Node }) => Node === memberNamed(call.node.catalog, name)?.name)),
      ),
  },
  {
    ...common,
    path: "/v1/health/service/",
    summary: "Who runs a service, with their checks",
    handle: (call) => named(call, "service name", (name) => answer(call, () => instances(call, name))),
  },
  {
    ...common,
    path: "/v1/health/checks/",
    summary: "A service's own checks: none",
    handle: (call) => named(call, "service name", () => answer(call, () => [])),
  },
  { ...common, path: "/v1/health/state/", summary: "Checks that are in a state", handle: state },
]

function state(call: ConsulCall): Response | Promise<Response> {
  return named(call, "check state", (wanted) => {
    if (!STATES.includes(wanted)) return consulText(400, `Invalid check state: ${JSON.stringify(wanted)}`)
    return answer(call, () => checks(call).filter(({ Status }) => wanted === "any" || Status === wanted))
  })
}

function checks({ node: { catalog }, store }: ConsulCall) {
  return members(catalog).map((record) => checkJson(store, catalog, record))
}

function serversOf({ node }: ConsulCall, service: string) {
  return service === CONSUL_SERVICE ? servers(node.catalog) : []
}

function instances(call: ConsulCall, service: string) {
  const { node, store, query } = call
  return serversOf(call, service)
    .map((record) => ({
      Node: nodeJson(store, record),
      Service: serviceJson(store, record),
      Checks: [checkJson(store, node.catalog, record)],
    }))
    .filter(({ Checks }) => !query.has("passing") || Checks.every(({ Status }) => Status === "passing"))
}

function nodeWithServices({ node, store }: ConsulCall, name: string) {
  const record = memberNamed(node.catalog, name)
  if (!record) return null
  const services = record.role === "server" ? { [CONSUL_SERVICE]: serviceJson(store, record) } : {}
  return { Node: nodeJson(store, record), Services: services }
}

function named(
  { rest }: ConsulCall,
  what: string,
  handle: (name: string) => Response | Promise<Response>,
): Response | Promise<Response> {
  const name = decodeSegment(rest)
  if (name === null) return consulText(400, `Invalid ${what}: it cannot be decoded`)
  return name === "" ? consulText(400, `Missing ${what}`) : handle(name)
}

async function answer(call: ConsulCall, content: () => unknown): Promise<Response> {
  const { store, node, read, waits, pretty } = call
  await beforeReading(call)
  // A member's coming and going changes its record; whether it is heard from, its sign of life.
  const index = () => Math.max(store.lastChange(NODES_PREFIX), store.lastChange(ALIVE_PREFIX))
  if (read.index > 0n) {
    call.holdOpen()
    const over = new AbortController()
    const signal = AbortSignal.any([call.request.signal, over.signal])
    const waiting = [NODES_PREFIX, ALIVE_PREFIX].map((prefix) =>
      waits.until(store, { target: { prefix }, options: read, index, signal }),
    )
    await Promise.race(waiting)
    over.abort()
    await afterWaiting(call)
  }
  const at = index()
  await node.waitFor(at)
  return consulJson(content(), pretty, {
    ...readHeaders(at, freshness(call)),
    "X-Consul-Effective-Consistency": read.consistent ? "consistent" : read.stale ? "stale" : "leader",
  })
}
