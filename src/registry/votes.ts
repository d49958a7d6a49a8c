/** The end of a server's vote, and what only the leader may do about servers. */
import { OvlError } from "../base/errors.ts"
import { MEMBER_CHANGE_RETRY_MS, MEMBER_CHANGE_WAIT_MS } from "../base/limits.ts"
import type { NodeRecord } from "../model/node.ts"
import type { Store } from "../store/port.ts"
import type { ReplicationStatus } from "../store/replication.ts"
import { read } from "./codec.ts"
import type { RegistryContext } from "./context.ts"
import * as keys from "./keys.ts"
import { quorumWouldBeLost, survivesWithout } from "./members-plan.ts"

/**
 * Takes a server out of those that keep the store, before its membership ends: its last acknowledgement may be needed for
 * that, and as no member it would not be heard. The leader hands over instead and rejects with `not_leader`, upon which
 * the call goes on at the new one. Idempotent.
 * Errors: quorum_would_be_lost, member_change_busy (conflict), not_leader, no_leader (unavailable).
 */
export async function endVote(context: RegistryContext, nodeId: string): Promise<void> {
  const { store, replication, clock } = context
  const until = clock.monotonic() + MEMBER_CHANGE_WAIT_MS
  for (;;) {
    const status = requireLeader(context)
    if (!status.members.some((member) => member.nodeId === nodeId)) return
    if (!survivesWithout(status, nodeId)) throw quorumWouldBeLost(status, nodeId, (id) => nodeName(store, id))
    if (nodeId === status.self) {
      await replication.transfer(null)
      throw notLeader("it handed over to be taken out")
    }
    try {
      await replication.remove(nodeId)
      return
    } catch (thrown) {
      const busy = thrown instanceof OvlError && thrown.code === "member_change_busy"
      if (!busy || clock.monotonic() >= until) throw thrown
    }
    await new Promise<void>((resolve) => clock.after(MEMBER_CHANGE_RETRY_MS, resolve))
  }
}

/** Errors: `no_leader`, `not_leader` (unavailable); whoever passes calls on to the leader tries there again. */
export function requireLeader({ replication }: RegistryContext): ReplicationStatus {
  const status = replication.status()
  if (status.role === "leader") return status
  if (status.leader !== null) throw notLeader("another server leads")
  throw new OvlError("no_leader", "the cluster: no server leads", {
    kind: "unavailable",
    hint: "ovl raft ls says which servers are missing; a majority of those that vote must run",
  })
}

function notLeader(why: string): OvlError {
  return new OvlError("not_leader", `this server does not lead: ${why}`, { kind: "unavailable", hint: "try again" })
}

export function nodeName(store: Store, nodeId: string): string {
  return read<NodeRecord>(store, keys.nodeKey(nodeId))?.name ?? nodeId
}
