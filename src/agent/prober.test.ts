import { beforeEach, expect, test } from "bun:test"
import type { Clock } from "../base/clock.ts"
import { PROBE_ANSWERS_PER_SECOND_MAX } from "../base/limits.ts"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { Catalog } from "../model/catalog.ts"
import { decodeProbe, encodeProbe, type Probe, probeNodeTag } from "../model/probe-packet.ts"
import { nodeRecord } from "../overlay/fixture.ts"
import { ProbeRounds } from "../registry/probe-rounds.ts"
import { AnswerRate, HeardProbes } from "./probe-answers.ts"
import { Prober } from "./prober.ts"

const [A, B, STRANGER] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string]
const CLUSTER = "c".repeat(64)
const ADDRESS: Record<string, string> = { [A]: "192.168.1.51", [B]: "192.168.1.52", [STRANGER]: "192.168.1.53" }

/** Time passes as soon as somebody waits for it. */
class QuickClock implements Clock {
  time = 1_000_000
  now = () => this.time
  monotonic = () => this.time
  after(ms: number, callback: () => void): () => void {
    const due = this.time + ms
    const timer = setTimeout(() => {
      this.time = Math.max(this.time, due)
      callback()
    }, ms / 100)
    return () => clearTimeout(timer)
  }
}

type Packet = { from: string; to: string; size: number; probe: Probe }

let clock: QuickClock
let rounds: ProbeRounds
let probers: Map<string, Prober>
let ears: Map<string, (payload: Uint8Array, source: string | null) => void>
let sent: Packet[]
/** Who may not listen. */
let deaf: Set<string>
/** Null lets it pass, "lost" does not, anything else is the sender's kernel refusing. */
let way: (packet: Packet) => string | null

function start(nodeId: string, catalog: Catalog): Prober {
  const prober = new Prober({
    catalog,
    nodeId,
    clusterId: CLUSTER,
    cluster: {
      probeRound: (wish, others, timeoutMs) => {
        const asked = rounds.ask(wish, others, timeoutMs)
        // As with the next sign of life.
        for (const id of others) probers.get(id)?.takePart(rounds.wishesOf(id))
        return asked
      },
      reportProbe: async (report) => rounds.report(report),
    },
    openWire: (onPacket) => {
      ears.set(ADDRESS[nodeId]!, onPacket)
      return {
        send: (from, to, payload) => {
          const packet = { from, to, size: payload.length, probe: decodeProbe(payload)! }
          sent.push(packet)
          const fate = way(packet)
          if (fate === null) queueMicrotask(() => ears.get(to)?.(payload, from))
          return fate === "lost" ? null : fate
        },
        hears: () => !deaf.has(nodeId),
        close: () => {},
      }
    },
    clock,
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    log: silentLog,
  })
  probers.set(nodeId, prober)
  return prober
}

let a: Prober
const b = nodeRecord(B, ADDRESS[B]!, { name: "b" })

beforeEach(() => {
  clock = new QuickClock()
  rounds = new ProbeRounds(clock)
  probers = new Map()
  ears = new Map()
  sent = []
  way = () => null
  deaf = new Set()
  const catalog = new Catalog()
  catalog.apply({
    revision: 1,
    snapshot: true,
    changes: [
      { type: "node", id: A, value: nodeRecord(A, ADDRESS[A]!, { name: "a" }) },
      { type: "node", id: B, value: b },
      { type: "alive", id: B, value: true },
    ],
  })
  a = start(A, catalog)
  start(B, catalog)
})

const OPEN = { small: true, full: true }
const SHUT = { small: false, full: false }

test("where all passes, three packets and their answers say so", async () => {
  const [view] = await a.probe([b])
  expect(view).toMatchObject({
    node: "b",
    there: OPEN,
    back: OPEN,
    mtu: 1450,
    largest: null,
    clockAheadMs: 0,
    refused: null,
  })
  expect(sent.map(({ probe }) => `${probe.kind} ${probe.size} ${probe.other}`)).toEqual([
    "ask 80 80",
    "ask 1450 80",
    "ask 80 1450",
    "answer 80 80",
    "answer 80 1450",
    "answer 1450 80",
  ])
})

test("each blocked direction has its name, by what the other one heard", async () => {
  way = ({ to }) => (to === ADDRESS[B] ? "lost" : null)
  expect((await a.probe([b]))[0]).toMatchObject({ there: SHUT, back: OPEN })
  way = ({ from }) => (from === ADDRESS[B] ? "lost" : null)
  expect((await a.probe([b]))[0]).toMatchObject({ there: OPEN, back: SHUT })
  way = ({ from }) => (from === ADDRESS[A] ? "EPERM" : null)
  expect((await a.probe([b]))[0]).toMatchObject({ there: SHUT, back: OPEN, refused: "EPERM" })
})

test("a node that takes no part is not blamed", async () => {
  way = () => "lost"
  probers.delete(B)
  expect((await a.probe([b]))[0]).toMatchObject({
    there: { small: null, full: null },
    back: { small: null, full: null },
  })
})

test("a node that may not listen says nothing of what it did not hear", async () => {
  const unknown = { small: null, full: null }
  way = ({ to }) => (to === ADDRESS[A] ? "lost" : null)
  deaf.add(A)
  expect((await a.probe([b]))[0]).toMatchObject({ there: OPEN, back: unknown })
  way = () => "lost"
  deaf.add(B)
  expect((await a.probe([b]))[0]).toMatchObject({ there: unknown, back: unknown })
})

test("the largest frame that passes is found, whichever direction eats the larger ones", async () => {
  way = ({ to, size }) => (to === ADDRESS[A] && size > 22 + 1337 ? "lost" : null)
  expect((await a.probe([b], { largest: true }))[0]).toMatchObject({
    there: OPEN,
    back: { small: true, full: false },
    largest: 1337,
  })
})

test("answers go to members alone, and only to what comes from their own address", async () => {
  const ear = ears.get(ADDRESS[B]!)!
  const ask = (given: Partial<Probe>, source: string | null) => {
    sent.length = 0
    const probe: Probe = {
      kind: "ask",
      size: 80,
      other: 80,
      cluster: CLUSTER,
      from: A,
      to: B,
      round: "0".repeat(16),
      time: 0,
      ...given,
    }
    ear(encodeProbe(probe), source)
    return sent.map(({ to }) => to)
  }
  expect(ask({}, ADDRESS[A]!)).toEqual([ADDRESS[A]!])
  expect(ask({}, null)).toEqual([ADDRESS[A]!])
  expect(ask({}, ADDRESS[STRANGER]!)).toEqual([])
  expect(ask({ from: STRANGER }, ADDRESS[STRANGER]!)).toEqual([])
  expect(ask({ to: A }, ADDRESS[A]!)).toEqual([])
  expect(ask({ cluster: "d".repeat(64) }, ADDRESS[A]!)).toEqual([])
  expect(ask({ from: B }, ADDRESS[B]!)).toEqual([])
  expect(ask({ kind: "answer" }, ADDRESS[A]!)).toEqual([])
  ear(new Uint8Array(9_000).fill(0xff), ADDRESS[A]!)
  expect(sent).toEqual([])
})

test("so many answers a second and no more", () => {
  const manual = new ManualClock()
  const rate = new AnswerRate(manual)
  const given = () => Array.from({ length: 2 * PROBE_ANSWERS_PER_SECOND_MAX }, () => rate.take()).filter(Boolean).length
  expect(given()).toBe(PROBE_ANSWERS_PER_SECOND_MAX)
  manual.advance(500)
  expect(given()).toBe(PROBE_ANSWERS_PER_SECOND_MAX / 2)
})

test("what was heard is kept by round and sender, the latest only", () => {
  const heard = new HeardProbes(2)
  const tag = probeNodeTag(A)
  heard.note("r1", tag, { small: true })
  heard.note("r1", tag, { full: true })
  expect(heard.of("r1", tag)).toEqual({ small: true, full: true })
  heard.note("r2", tag, { small: true })
  heard.note("r3", tag, { small: true })
  expect(heard.of("r1", tag)).toEqual({ small: false, full: false })
})
