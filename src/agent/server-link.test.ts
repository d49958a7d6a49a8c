import { beforeEach, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { ConnectOptions, PeerConnection } from "../transport/port.ts"
import { ServerLink } from "./server-link.ts"

async function settle(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve()
}

async function turn(ms: number): Promise<void> {
  clock.advance(ms)
  await settle()
}

/** What each server does when it is dialled; those that are not named never answer. */
type Manner = "accepts" | "refuses" | "forbids"

let clock: ManualClock
let dialled: string[]
let manners: Record<string, Manner>
let epochs: number[]
let closed: string[]
let epoch: number
const ends = new Map<string, (error?: OvlError) => void>()

beforeEach(() => {
  clock = new ManualClock()
  dialled = []
  manners = {}
  epochs = []
  closed = []
  epoch = 0
})

function connect({ address }: ConnectOptions): Promise<PeerConnection> {
  dialled.push(address)
  const manner = manners[address]
  if (manner === "refuses") return Promise.reject(new OvlError("peer_refused", "refused", { kind: "unavailable" }))
  if (manner === "forbids") return Promise.reject(new OvlError("not_member", "no member", { kind: "forbidden" }))
  if (manner !== "accepts") return new Promise(() => {})
  const identity = { nodeId: address, name: address, role: "server" }
  return Promise.resolve({
    remote: { address, identity, cluster: { clusterId: "c", recoveryEpoch: epoch } },
    onClose: (callback: () => void) => ends.set(address, callback),
    close: () => closed.push(address),
  } as unknown as PeerConnection)
}

function link(servers: string[], start = 0): ServerLink {
  return new ServerLink({
    servers: () => servers,
    credentials: { cert: "", key: "", ca: "" },
    expect: () => ({ clusterId: "c", recoveryEpoch: epochs.at(-1) ?? 0 }),
    onEpoch: (told) => epochs.push(told),
    start,
    clock,
    log: silentLog,
    connect,
  })
}

const address = async (connection: Promise<PeerConnection>) => (await connection).remote.address

test("where somebody knocks from is tried, and taken if a server answers there", async () => {
  manners = { "a:1": "accepts", "b:1": "forbids", "c:1": "accepts" }
  const one = link(["a:1"])
  await one.connection()
  one.consider(["b:1"])
  await settle()
  expect([(await one.connection()).remote.address, closed]).toEqual(["a:1", []])
  // Not again at once where it came to nothing; and not what is connected.
  one.consider(["b:1"])
  one.consider(["c:1", "c:2"])
  await settle()
  expect([(await one.connection()).remote.address, closed]).toEqual(["c:1", ["a:1"]])
  one.consider(["c:1"])
  await settle()
  expect(dialled).toEqual(["a:1", "b:1", "c:1"])
  one.close()
  one.consider(["a:1"])
  await settle()
  expect(dialled).toHaveLength(3)
})

test("a server that answers a knock after the end is let go again", async () => {
  manners = { "b:1": "accepts" }
  const one = link(["a:1"])
  one.consider(["b:1"])
  one.close()
  await settle()
  expect([dialled, closed]).toEqual([["b:1"], ["b:1"]])
})

test("each client begins at its own server, and goes on to the next as soon as one refuses", async () => {
  manners = { a: "refuses", b: "refuses", c: "accepts" }
  expect(await address(link(["a", "b", "c"], 4).connection())).toBe("c")
  expect(dialled).toEqual(["b", "c"])
})

test("a server that hesitates is not waited for alone, and comes too late", async () => {
  manners = { b: "accepts" }
  const way = link(["a", "b"]).connection()
  await turn(249)
  expect(dialled).toEqual(["a"])
  await turn(1)
  expect(await address(way)).toBe("b")
})

test("when none answers everybody is told in time, and at once for a moment afterwards", async () => {
  const way = link(["a", "b"])
  const first = way.connection().catch((error: OvlError) => error.code)
  await turn(2_000)
  expect(await first).toBe("no_server")
  expect(await way.connection().catch((error: OvlError) => error.code)).toBe("no_server")
  expect(dialled).toEqual(["a", "b"])
  await turn(200)
  manners = { a: "accepts" }
  expect(await address(way.connection())).toBe("a")
})

test("a refusal is told as one, but only where no other server lets it in", async () => {
  manners = { a: "forbids", b: "refuses" }
  const way = link(["a", "b"])
  expect(await way.connection().catch((error: OvlError) => error.code)).toBe("not_member")
  await turn(200)
  manners = { a: "forbids", b: "accepts" }
  expect(await address(way.connection())).toBe("b")
})

test("a connection that breaks is made again, elsewhere if need be", async () => {
  manners = { a: "accepts", b: "accepts" }
  const way = link(["a", "b"])
  expect(await address(way.connection())).toBe("a")
  manners.a = "refuses"
  ends.get("a")?.()
  expect(way.connected).toBe(false)
  expect(await address(way.connection())).toBe("b")
})

test("a server without a leader is left for another one, but only if there is one, and not time and again", async () => {
  manners = { a: "accepts", b: "refuses" }
  const way = link(["a", "b"])
  const first = await way.connection()
  way.distrust(first)
  await settle()
  expect([await address(way.connection()), closed]).toEqual(["a", []])
  manners.b = "accepts"
  way.distrust(first)
  await settle()
  expect(await address(way.connection())).toBe("a")
  await turn(2_000)
  way.distrust(first)
  await settle()
  expect([await address(way.connection()), closed]).toEqual(["b", ["a"]])
})

test("a later life of the cluster is told", async () => {
  manners = { a: "accepts" }
  epoch = 3
  await link(["a"]).connection()
  expect(epochs).toEqual([3])
})
