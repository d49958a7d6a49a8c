import { expect, test } from "bun:test"
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { RAFT_QUEUE_MAX_MESSAGES } from "../base/limits.ts"
import { type Message, message } from "../raft/message.ts"
import type { PeerConnection } from "./port.ts"
import { decodeRaftMessage } from "./raft-codec.ts"
import { RaftLane } from "./raft-lane.ts"

const REFUSED = new OvlError("peer_refused", "connecting: refused", { kind: "unavailable" })

/** A lane on a clock that is moved by hand, and to a server whose answers the test gives. */
class Fixture {
  readonly seen: string[] = []
  readonly posted: Message[] = []
  /** The time of each try. */
  readonly tries: number[] = []
  givenUp = 0
  time = 0
  chance = 255
  end: (error?: OvlError) => void = () => {}
  readonly lane: RaftLane
  #answer: ((connection: PeerConnection | null) => void) | null = null
  #timers: { at: number; callback: () => void }[] = []

  constructor() {
    const clock: Clock = {
      now: () => this.time,
      monotonic: () => this.time,
      after: (ms, callback) => {
        const timer = { at: this.time + ms, callback }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer)
        }
      },
    }
    this.lane = new RaftLane({
      address: "there:1",
      connect: () => {
        this.tries.push(this.time)
        return new Promise((resolve, reject) => {
          this.#answer = (connection) => (connection ? resolve(connection) : reject(REFUSED))
        })
      },
      onUp: () => this.seen.push("up"),
      onDown: (error, stood) => this.seen.push(`${stood ? "lost" : "not reached"}: ${error.code}`),
      onGivenUp: (messages) => {
        this.givenUp += messages
      },
      clock,
      random: { bytes: (length) => new Uint8Array(length).fill(this.chance) },
    })
  }

  async refuse(): Promise<void> {
    this.#answer?.(null)
    await Bun.sleep(0)
  }

  async accept(): Promise<void> {
    const connection = {
      post: (_kind: number, bytes: Uint8Array) => void this.posted.push(decodeRaftMessage(bytes)),
      pendingBytes: () => 0,
      onDrain: () => {},
      onClose: (callback: (error?: OvlError) => void) => {
        this.end = callback
      },
      close: () => void this.seen.push("closed"),
    }
    this.#answer?.(connection as Partial<PeerConnection> as PeerConnection)
    await Bun.sleep(0)
  }

  wait(ms: number): void {
    this.time += ms
    const due = this.#timers.filter(({ at }) => at <= this.time)
    this.#timers = this.#timers.filter(({ at }) => at > this.time)
    for (const { callback } of due) callback()
  }

  get timers(): number {
    return this.#timers.length
  }
}

const app = (index: number) => message("MsgApp", 2, { from: 1, index })
const vote = (index: number) => message("MsgVote", 2, { from: 1, index })

test("a full queue gives up the oldest append, and anything else only where there is none", async () => {
  const lane = new Fixture()
  lane.lane.push(vote(0))
  for (let i = 0; i < RAFT_QUEUE_MAX_MESSAGES + 1; i++) lane.lane.push(app(i))
  expect(lane.givenUp).toBe(2)
  const last = RAFT_QUEUE_MAX_MESSAGES - 1
  for (let i = 1; i < last; i++) lane.lane.push(vote(i))
  lane.lane.push(app(99))
  expect(lane.givenUp).toBe(1 + RAFT_QUEUE_MAX_MESSAGES)
  lane.lane.push(vote(last))
  await lane.accept()
  expect(lane.posted.map(({ type, index }) => `${type} ${index}`)).toEqual(
    Array.from({ length: RAFT_QUEUE_MAX_MESSAGES }, (_, i) => `MsgVote ${i}`),
  )
  expect(lane.lane.queuedBytes).toBe(0)
})

test("where there is no append, the oldest goes", async () => {
  const lane = new Fixture()
  for (let i = 0; i < RAFT_QUEUE_MAX_MESSAGES + 3; i++) lane.lane.push(vote(i))
  await lane.accept()
  expect([lane.givenUp, lane.posted[0]?.index, lane.posted.length]).toEqual([3, 3, RAFT_QUEUE_MAX_MESSAGES])
})

test("what waits goes with the try that fails", async () => {
  const lane = new Fixture()
  lane.lane.push(vote(1))
  const waiting = lane.lane.whenUp().catch((error: OvlError) => error.code)
  await lane.refuse()
  expect(await waiting).toBe("peer_refused")
  expect([lane.givenUp, lane.lane.queuedBytes]).toEqual([1, 0])
  lane.lane.push(vote(2))
  lane.wait(500)
  await lane.accept()
  expect(lane.posted.map(({ index }) => index)).toEqual([2])
  expect(lane.seen).toEqual(["not reached: peer_refused", "up"])
})

test("tries come at longer and longer distances up to a bound, some of it left to chance", async () => {
  for (const [chance, expected] of [
    [255, [0, 50, 150, 350, 749, 1_248]],
    [0, [0, 50, 100, 200, 400, 650]],
  ] as const) {
    const lane = new Fixture()
    lane.chance = chance
    while (lane.tries.length < expected.length) {
      await lane.refuse()
      for (let tries = lane.tries.length; lane.tries.length === tries; ) lane.wait(1)
    }
    expect(lane.tries).toEqual([...expected])
  }
})

test("a lane that stood is dialled again soon; one that keeps ending at once is not", async () => {
  const lane = new Fixture()
  const fall = async (afterMs: number) => {
    await lane.accept()
    lane.wait(afterMs)
    lane.end(REFUSED)
    const from = lane.time
    for (let tries = lane.tries.length; lane.tries.length === tries; ) lane.wait(1)
    return lane.time - from
  }
  expect([await fall(1), await fall(1), await fall(1)]).toEqual([50, 100, 200])
  expect([await fall(1_000), await fall(1)]).toEqual([50, 100])
})

test("closing ends everything: the connection, the timer, the one who waits, and a try under way", async () => {
  const standing = new Fixture()
  await standing.accept()
  standing.lane.close()
  standing.lane.push(vote(1))
  expect([standing.seen, standing.timers, standing.posted]).toEqual([["up", "closed"], 0, []])
  const trying = new Fixture()
  const waiting = trying.lane.whenUp().catch((error: OvlError) => error.code)
  trying.lane.close()
  expect(await waiting).toBe("peer_closed")
  await trying.accept()
  expect(trying.seen).toEqual(["closed"])
  const resting = new Fixture()
  await resting.refuse()
  resting.lane.close()
  expect(resting.timers).toBe(0)
  expect(await resting.lane.whenUp().catch((error: OvlError) => error.code)).toBe("peer_closed")
})
