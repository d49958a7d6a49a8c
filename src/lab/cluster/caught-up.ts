/** Waits until nodes whose daemons have just been started know what the cluster knows. */
import { OvlError } from "../../base/errors.ts"
import { LAB_POLL_MS, LAB_READY_TIMEOUT_MS } from "../../base/limits.ts"
import type { Client } from "../../client/client.ts"
import type { StatusView } from "../../model/node.ts"
import type { Clients } from "./live.ts"

/**
 * Resolves when every node answers, knows who leads, and has what the leader had when it was first seen: until then a
 * server that was down shows networks as they were before. All of them must be in touch. Errors: lab_not_ready.
 */
export async function nodesCaughtUp(
  lab: string,
  clients: Clients,
  { timeoutMs = LAB_READY_TIMEOUT_MS, pollMs = LAB_POLL_MS } = {},
): Promise<void> {
  const until = performance.now() + timeoutMs
  let wanted: number | null = null
  for (;;) {
    const seen = await Promise.all(
      [...clients].map(async ([host, client]) => ({ host, view: await statusOrWhy(client) })),
    )
    wanted ??= indexOfLeader(seen.map(({ view }) => view))
    const late = seen.flatMap(({ host, view }) => {
      const why = lateness(view, wanted)
      return why === null ? [] : [{ host, why }]
    })
    const [first] = late
    if (!first) return
    if (performance.now() > until)
      throw new OvlError("lab_not_ready", `lab ${lab}: node ${first.host} is not ready: ${first.why}`, {
        kind: "unavailable",
        hint: `ask it: \`ovl lab exec --name ${lab} ${first.host} -- ovl status\``,
      })
    await Bun.sleep(pollMs)
  }
}

function indexOfLeader(views: readonly (StatusView | string)[]): number | null {
  const leader = views.find((view) => typeof view !== "string" && view.node.leader)
  return leader === undefined || typeof leader === "string" ? null : leader.cluster.index
}

/** Null where the node is as far as is wanted. */
function lateness(view: StatusView | string, wanted: number | null): string | null {
  if (typeof view === "string") return view
  if (wanted === null || view.cluster.leader === null) return "it knows no leader"
  return view.cluster.index >= wanted ? null : `it has ${view.cluster.index} of ${wanted} changes`
}

async function statusOrWhy(client: Client): Promise<StatusView | string> {
  try {
    return await client.status()
  } catch (error) {
    if (error instanceof OvlError && error.kind === "unavailable") return error.message
    throw error
  }
}
