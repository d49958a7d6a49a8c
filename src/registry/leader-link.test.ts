import { afterEach, beforeEach, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import type { LeaderLink } from "../store/forwarding-port.ts"
import type { PeerConnection } from "../transport/port.ts"
import { leaderLink } from "./leader-link.ts"
import { FakeReplication } from "./replication-fake.ts"

const [SELF, B, C] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string]

let replication: FakeReplication
let link: LeaderLink
/** What was dialled, a word each. */
let dialled: string[]
let connections: (PeerConnection & { closed: boolean; end(): void })[]
/** Who answers at an address, where it is not whom one looks for. */
let answers: Record<string, string>

function connection(nodeId: string, address: string) {
  const onClose: (() => void)[] = []
  const made = {
    remote: { address, identity: { nodeId, name: address, role: "server" as const } },
    closed: false,
    call: async () => null,
    subscribe: () => ({ close: () => {} }),
    close: () => made.end(),
    onClose: (callback: () => void) => void onClose.push(callback),
    end: () => {
      made.closed = true
      for (const callback of onClose.splice(0)) callback()
    },
  }
  connections.push(made as never)
  return made as unknown as PeerConnection
}

function lead(nodeId: string | null): void {
  replication.leader = nodeId
  replication.tell()
}

async function gets(): Promise<string> {
  try {
    return (await link.connection()).remote.identity.nodeId[0]!
  } catch (error) {
    return (error as OvlError).code
  }
}

beforeEach(() => {
  dialled = []
  connections = []
  answers = {}
  replication = new FakeReplication(SELF)
  link = leaderLink({
    replication,
    addressOf: (nodeId) => (nodeId === "d".repeat(64) ? null : `${nodeId[0]}:1`),
    connect: async (address) => {
      dialled.push(address)
      if (answers[address] === "refuses") throw new OvlError("peer_refused", "refused", { kind: "unavailable" })
      if (answers[address] === "forbids") throw new OvlError("not_member", "no", { kind: "forbidden" })
      return connection(answers[address] ?? address[0]!.repeat(64), address)
    },
    clock: systemClock,
    log: silentLog,
  })
})
afterEach(() => link.close())

test("one connection to the leader, made before it is asked for, and a new one to the next", async () => {
  expect(await gets()).toBe("no_leader")
  lead(B)
  expect(await Promise.all([gets(), gets(), gets()])).toEqual(["b", "b", "b"])
  lead(null)
  expect(await gets()).toBe("no_leader")
  lead(B)
  expect(await gets()).toBe("b")
  lead(C)
  expect(await gets()).toBe("c")
  expect(dialled).toEqual(["b:1", "c:1"])
  expect(connections[1]!.closed).toBe(false)
})

test("one that broke is made anew", async () => {
  lead(B)
  await gets()
  connections[0]!.end()
  expect(await gets()).toBe("b")
  expect(dialled).toEqual(["b:1", "b:1"])
})

test("whoever is not the leader is not taken for it", async () => {
  answers["b:1"] = C
  lead(B)
  expect(await gets()).toBe("leader_unreachable")
  expect(connections.every(({ closed }) => closed)).toBe(true)
  answers["b:1"] = "refuses"
  expect(await gets()).toBe("leader_unreachable")
  answers["b:1"] = "forbids"
  expect(await gets()).toBe("not_member")
  lead("d".repeat(64))
  expect(await gets()).toBe("leader_unreachable")
})

test("nothing is left open once it is closed", async () => {
  lead(B)
  await gets()
  link.close()
  expect(connections[0]!.closed).toBe(true)
  expect(await gets()).toBe("no_leader")
})
