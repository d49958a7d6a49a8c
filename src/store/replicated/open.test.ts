/** How a server's store begins, and how one goes on that was cut off, or was written before there was a log. */
import { expect, test } from "bun:test"
import { silentLog } from "../../base/log.ts"
import { systemClock } from "../../linux/system.ts"
import { transactionCommand } from "../command.ts"
import { Machine } from "../kv.ts"
import { memoryBackend } from "../memory-backend.ts"
import { MemberReplication } from "./member.ts"
import { openMember } from "./open.ts"

const ONE = "1".repeat(64)
const TWO = "2".repeat(64)

type Backend = ReturnType<typeof memoryBackend>

function openOn(backend: Backend, nodeId: string, joining: boolean): string {
  const consensus = openMember({ backend, clock: systemClock, log: silentLog, random: () => 0, nodeId }, joining)
  consensus.driver.start()
  consensus.driver.process()
  const { self, role, members } = new MemberReplication(consensus, systemClock).status()
  return `${self.slice(0, 2)} ${role} of ${members.map((member) => member.nodeId.slice(0, 2)).join()}`
}

/** A store of before there was a log: rows of the state alone. */
function withoutLog(): Backend {
  const backend = memoryBackend()
  backend.commitNow((tables) => {
    const machine = new Machine(tables)
    const operations = [{ op: "put" as const, key: "a", value: new Uint8Array(1) }]
    machine.apply(transactionCommand({ operations }, 1).command)
    machine.finish()
  })
  return backend
}

test("a first start that was cut off goes on under the id that it began with, whatever the next one draws", () => {
  const backend = memoryBackend()
  expect(openOn(backend, ONE, false)).toBe("11 leader of 11")
  expect(openOn(backend, TWO, false)).toBe("11 leader of 11")
  expect(openOn(backend, ONE, true)).toBe("11 leader of 11")
})

test("who joins with nothing waits for a leader", () => {
  expect(openOn(memoryBackend(), ONE, true)).toBe("11 outsider of ")
})

test("a store from before there was a log is taken over, by a server that has its identity too", () => {
  expect(openOn(withoutLog(), ONE, true)).toBe("11 leader of 11")
  expect(openOn(withoutLog(), ONE, false)).toBe("11 leader of 11")
})
