/** `/api/v1/workloads`: what `ovl run`, `exec`, `ps`, `logs`, `stop` and `rm` ask of the node they run on. */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import { OvlError } from "../../base/errors.ts"
import { STOP_GRACE_MAX_MS, STOP_GRACE_MS } from "../../base/limits.ts"
import { foldName } from "../../model/names.ts"
import { enterSpecSchema, runSpecSchema, type WorkloadView, workloadViewSchema } from "../../model/workload.ts"
import { logStream } from "../log-stream.ts"
import { type Route, route, switchSchema } from "../route.ts"

/** What running answers: the workload, and what a program needs to put itself into it. */
export const runAnswerSchema = z.object({ workload: workloadViewSchema, enter: enterSpecSchema })

const stopSchema = z.strictObject({ graceMs: z.int().min(0).max(STOP_GRACE_MAX_MS).default(STOP_GRACE_MS) })
const startedSchema = z.strictObject({ pid: z.int().positive() })
const endedSchema = z.strictObject({ exitCode: z.int().min(0).max(255) })

/** A number of lines. */
const tailSchema = z
  .string()
  .regex(/^\d{1,9}$/, "not a number of lines")
  .transform(Number)
  .optional()

export const workloadRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/workloads",
    summary: "This node's workloads",
    requirement: "read",
    answer: { status: 200, schema: z.array(workloadViewSchema) },
    handle: async ({ node }) => node.workloads(),
  }),
  route({
    method: "POST",
    path: "/api/v1/workloads",
    summary: "Make a workload on this node; with detach and a command, start it too",
    requirement: "full",
    body: runSpecSchema,
    answer: { status: 201, schema: runAnswerSchema },
    change: "run",
    object: ({ body, result }) => (result as { workload: WorkloadView } | null)?.workload.name ?? body.name ?? "",
    handle: ({ node, body }) => node.run(body),
  }),
  route({
    method: "DELETE",
    path: "/api/v1/workloads/:name",
    summary: "Remove a workload; with force, a running one too",
    requirement: "full",
    query: z.strictObject({ force: switchSchema }),
    answer: { status: 204 },
    change: "rm",
    handle: ({ node, params, query }) =>
      orElsewhere(node, params.name!, () => node.remove(params.name!, { force: query.force })),
  }),
  route({
    method: "POST",
    path: "/api/v1/workloads/:name/stop",
    summary: "SIGTERM, and SIGKILL after graceMs milliseconds",
    requirement: "full",
    body: stopSchema,
    answer: { status: 204 },
    change: "stop",
    handle: ({ node, params, body }) => orElsewhere(node, params.name!, () => node.stop(params.name!, body)),
  }),
  route({
    method: "POST",
    path: "/api/v1/workloads/:name/started",
    summary: "A foreground `ovl run` says which process it started",
    requirement: "full",
    body: startedSchema,
    answer: { status: 204 },
    change: "workload started",
    handle: ({ node, params, body }) => node.workloadStarted(params.name!, body.pid),
  }),
  route({
    method: "POST",
    path: "/api/v1/workloads/:name/ended",
    summary: "A foreground `ovl run` says how its process ended",
    requirement: "full",
    body: endedSchema,
    answer: { status: 204 },
    change: "workload ended",
    handle: ({ node, params, body }) => node.workloadEnded(params.name!, body.exitCode),
  }),
  route({
    method: "GET",
    path: "/api/v1/workloads/:name/enter",
    summary: "What a program needs to put itself into the workload",
    // Its environment may hold secrets: not for a token that may only read.
    requirement: "full",
    answer: { status: 200, schema: enterSpecSchema },
    handle: ({ node, params }) => orElsewhere(node, params.name!, async () => node.enter(params.name!)),
  }),
  route({
    method: "GET",
    path: "/api/v1/workloads/:name/logs",
    summary:
      "What the workload wrote, or the last so many lines of it; with follow, also what it goes on to write, until it ends",
    requirement: "full",
    query: z.strictObject({ follow: switchSchema, tail: tailSchema }),
    answer: { status: 200, type: "text/plain" },
    async handle({ node, params, query, holdOpen, signal }) {
      const path = await orElsewhere(node, params.name!, async () => node.logPath(params.name!))
      holdOpen()
      const folded = foldName(params.name!)
      const running = () => node.workloads().some((w) => foldName(w.name) === folded && w.status === "running")
      const body = logStream(path, { tail: query.tail, more: () => query.follow && running(), signal })
      return new Response(body, { headers: { "Content-Type": "text/plain; charset=utf-8" } })
    },
  }),
]

/** What is asked of a workload that lives on another node is refused with that node's name, where it can be learned. */
async function orElsewhere<T>(node: LocalNode, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof OvlError) || error.code !== "workload_not_found") throw error
    const catalog = await node.look(null).catch(() => node.catalog)
    const [endpoint] = catalog.endpointsOfWorkload(name)
    const there = endpoint && catalog.nodes.get(endpoint.nodeId)
    if (!there || there.id === node.id) throw error
    throw new OvlError(error.code, `no workload ${name} on this node: it is on ${there.name}`, {
      kind: "not_found",
      hint: `run the same on ${there.name}`,
    })
  }
}
