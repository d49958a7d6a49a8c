import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import { message } from "../raft/message.ts"
import { raftTransport } from "./raft-transport.ts"

test("the offer of a state to who is no peer is told of as lost, later; what is said again anyhow is not", async () => {
  const told: number[] = []
  const transport = raftTransport({
    self: { raftId: 1, nodeId: "one" },
    cluster: { clusterId: "c", recoveryEpoch: 0 },
    connect: () => Promise.reject(new Error("nobody is dialled")),
    onMessage: () => {},
    onUnreachable: (raftId) => void told.push(raftId),
    onLost: () => {},
    servePiece: () => ({ rows: new Uint8Array(), next: null }),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  })
  const confState = { voters: [1], votersOutgoing: [], learners: [2], learnersNext: [], autoLeave: false }
  const snapshot = { index: 5, term: 1, confState, data: new Uint8Array() }
  transport.send([
    { ...message("MsgApp", 3), from: 1 },
    { ...message("MsgSnap", 2, { snapshot }), from: 1 },
  ])
  expect(told).toEqual([])
  await Promise.resolve()
  expect(told).toEqual([2])
  transport.close()
})
