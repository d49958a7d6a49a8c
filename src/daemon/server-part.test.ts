import { expect, test } from "bun:test"
import type { Identity } from "../agent/identity.ts"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import type { RaftServerView } from "../model/raft.ts"
import type { LocalCluster } from "../registry/cluster-on-store.ts"
import { FakeReplication } from "../registry/replication-fake.ts"
import type { RaftPeerState } from "../transport/raft-port.ts"
import { openServerPart } from "./server-part.ts"

const [SELF, NEAR, FAR] = ["a".repeat(64), "b".repeat(64), "c".repeat(64)]

function peer(nodeId: string, connected: boolean, lastError: OvlError | null = null): RaftPeerState {
  return { nodeId, connected, lastError, raftId: 1, address: "", queuedBytes: 0, droppedMessages: 0 }
}

function part(peers: RaftPeerState[], leader: string | null) {
  const replication = new FakeReplication(SELF)
  replication.leader = leader
  const servers = [SELF, NEAR, FAR].map((id) => ({ id, state: "unknown" }) as RaftServerView)
  const cluster = {
    raftHere: () => ({ source: "s1", leader, term: 1, commit: 1, applied: 1, servers }),
    recoveryPreview: () => ({ recoveryEpoch: 0 }),
  } as LocalCluster
  const identity = { recoveryEpoch: 0 } as Identity
  const rest = { dataDir: "/nowhere", measures: () => [], onEpoch: () => {}, log: silentLog }
  return openServerPart({ ...rest, identity, cluster, replication, peers: () => peers })
}

test("while nobody leads, who is there is seen by the connections", () => {
  const states = (leader: string | null) =>
    part([peer(NEAR, true), peer(FAR, false)], leader)
      .view()
      .servers.map(({ state }) => state)
  expect(states(null)).toEqual(["unknown", "alive", "failed"])
  expect(states(SELF)).toEqual(["unknown", "unknown", "unknown"])
})

test("a server that the others have gone on without does not go on alone", async () => {
  for (const code of ["not_member", "wrong_recovery_epoch"]) {
    const refusal = new OvlError(code, "node s1: no", { kind: "forbidden" })
    const ghost = part([peer(NEAR, false, refusal), peer(FAR, false)], null)
    expect(ghost.refusal()).toBe(refusal)
    await expect(ghost.recover()).rejects.toMatchObject({ code: "superseded", kind: "conflict" })
  }
  const refused = new OvlError("peer_refused", "connecting: refused", { kind: "unavailable" })
  expect(part([peer(NEAR, false, refused)], null).refusal()).toBe(null)
})
