/** The last thing that a join does: it tries the data plane, since that may be dead where the control plane is well. */
import type { LocalNode } from "../agent/port.ts"
import { asOvlError } from "../base/errors.ts"
import { BLOCKED_TOLD_MAX } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { probeFaults } from "../model/probe.ts"

/** A warning for each direction that is blocked or eats large frames. The node is ready all the same. Never rejects. */
export async function tellBlocked(node: Pick<LocalNode, "name" | "probe">, log: Log): Promise<void> {
  try {
    const faults = (await node.probe(null)).flatMap((view) => probeFaults(node.name, view))
    // Who answers nothing at all may just be down: the status names it.
    const blocked = faults.filter(({ code }) => code !== "probe_unanswered")
    for (const { code, message, hint } of blocked.slice(0, BLOCKED_TOLD_MAX)) log.warn(message, { code, hint })
    const more = blocked.length - BLOCKED_TOLD_MAX
    if (more > 0) log.warn("further ways are blocked", { more, hint: "ovl doctor names them all" })
  } catch (error) {
    log.debug("cannot try the ways to other nodes", { why: asOvlError(error).message })
  }
}
