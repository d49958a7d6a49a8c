import { expect, test } from "bun:test"
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import type { ReplicationStatus } from "../store/replication.ts"
import type { RaftPeerState } from "../transport/raft-port.ts"
import { awaitAdmission } from "./admission.ts"

/** A clock on which every wait is over at once. */
function quickClock(): Clock {
  let time = 0
  return {
    now: () => time,
    monotonic: () => time,
    after: (ms, callback) => {
      time += ms
      queueMicrotask(callback)
      return () => {}
    },
  }
}

const peer = (code: string | null): RaftPeerState => ({
  nodeId: "",
  address: "",
  raftId: 1,
  connected: code === null,
  queuedBytes: 0,
  droppedMessages: 0,
  lastError: code === null ? null : new OvlError(code, "talking to it: why", { kind: "forbidden" }),
})

async function admission(leader: string | null, peers: (string | null)[], isRecovering = false): Promise<string> {
  const clock = quickClock()
  const status = () => ({ leader }) as ReplicationStatus
  const options = { replication: { status }, peers: () => peers.map(peer), isRecovering: () => isRecovering, clock }
  return awaitAdmission(options).then(
    () => `admitted after ${clock.monotonic()} ms`,
    (thrown: OvlError) => `${thrown.code}: ${thrown.message}`,
  )
}

test("a server that hears a leader is in, whatever others say", async () => {
  expect(await admission("leader", ["not_member", "not_member"])).toBe("admitted after 0 ms")
})

test("one that is refused and let in by nobody has no place any more", async () => {
  expect(await admission(null, ["not_member", "peer_refused"])).toContain(
    "not_member: cannot start this server: it was",
  )
  expect(await admission(null, ["wrong_recovery_epoch"])).toContain("the cluster was recovered without it")
})

test("while nobody can say, or one lets it in, or it is being recovered itself, it starts", async () => {
  expect(await admission(null, ["peer_refused", "peer_unreachable"])).toBe("admitted after 2000 ms")
  expect(await admission(null, ["not_member", null])).toBe("admitted after 2000 ms")
  expect(await admission(null, ["wrong_recovery_epoch"], true)).toBe("admitted after 2000 ms")
})
