import { expect, test } from "bun:test"
import { ManualClock } from "../base/manual-clock.ts"
import { PING_ANSWER_WAIT_MS } from "../base/limits.ts"
import type { IcmpOptions } from "../linux/icmp.ts"
import { type EchoOptions, echo, type OpenIcmp } from "./echo.ts"

/** A network that answers when the test says so. */
function setUp(more: Partial<EchoOptions> = {}) {
  const clock = new ManualClock()
  const world = {
    sent: [] as Uint8Array[],
    opened: null as IcmpOptions | null,
    closed: 0,
    refusal: null as string | null,
  }
  const open: OpenIcmp = async (options) => {
    world.opened = options
    return {
      send: (_to, packet) => {
        world.sent.push(packet)
        return world.refusal
      },
      close: () => void world.closed++,
    }
  }
  const told: number[] = []
  const stop = new AbortController()
  const run = (count: number) =>
    echo(
      {
        namespace: "/run/netns/a",
        from: "10.0.0.2",
        to: "10.0.0.3",
        device: "eth0",
        count,
        intervalMs: 100,
        clock,
        random: { bytes: (length) => new Uint8Array(length).fill(9) },
        signal: stop.signal,
        onReply: ({ seq }) => told.push(seq),
        ...more,
      },
      open,
    )
  const answer = (sequence: number) => {
    const packet = new Uint8Array(20 + 64)
    packet[0] = 0x45
    packet.set(world.sent[sequence - 1]!, 20)
    packet[20] = 0
    world.opened!.onPacket(packet)
  }
  const pass = async (ms: number) => {
    clock.advance(ms)
    await turn()
  }
  return { pass, world, run, answer, told, stop }
}

/** What is waited for without a clock happens. */
async function turn(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve()
}

test("one packet after the other at an even pace, over as soon as all are answered", async () => {
  const { pass, world, run, answer, told } = setUp()
  const replies = run(3)
  await turn()
  expect(world.opened).toMatchObject({ namespace: "/run/netns/a", family: 4, device: "eth0" })
  expect(world.sent).toHaveLength(1)
  await pass(40)
  answer(1)
  await pass(59)
  expect(world.sent).toHaveLength(1)
  await pass(1)
  expect(world.sent).toHaveLength(2)
  await pass(100)
  answer(3)
  // A second answer to the same packet is none.
  answer(3)
  await pass(5)
  answer(2)
  expect(await replies).toEqual([
    { seq: 1, ms: 40, why: null },
    { seq: 2, ms: 105, why: null },
    { seq: 3, ms: 0, why: null },
  ])
  expect([told, world.closed]).toEqual([[1, 3, 2], 1])
})

test("what is not answered after the last one's wait is lost", async () => {
  const { pass, run, answer, world } = setUp()
  const replies = run(2)
  await turn()
  await pass(100)
  answer(2)
  await pass(PING_ANSWER_WAIT_MS - 1)
  expect(world.closed).toBe(0)
  await pass(1)
  expect(await replies).toEqual([
    { seq: 1, ms: null, why: null },
    { seq: 2, ms: 0, why: null },
  ])
})

test("what the kernel refuses to send is over at once, with its word", async () => {
  const { pass, world, run } = setUp({ to: "fd00::3", from: null, device: null })
  world.refusal = "network is unreachable"
  const replies = run(2)
  await turn()
  expect(world.opened).toMatchObject({ family: 6, from: null, device: null })
  await pass(100)
  expect((await replies).map(({ why }) => why)).toEqual(["network is unreachable", "network is unreachable"])
})

test("an end from outside: what was sent is what there is", async () => {
  const { run, stop, world } = setUp()
  const replies = run(5)
  await turn()
  stop.abort()
  expect(await replies).toEqual([{ seq: 1, ms: null, why: null }])
  expect(world.closed).toBe(1)
})
