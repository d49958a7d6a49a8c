import { beforeEach, describe, expect, test } from "bun:test"
import { DNS_FORWARDS_MAX, DNS_FORWARDS_PER_CLIENT_MAX } from "../base/limits.ts"
import { ManualClock } from "../base/manual-clock.ts"
import type { Way } from "./answer.ts"
import { question, readable } from "./fixture.ts"
import { Forwarder, type Upstreams } from "./forward.ts"
import { parseQuery, type Query } from "./message.ts"

interface Ask {
  server: string
  message: Uint8Array
  way: Way
  heard: (message: Uint8Array | null) => void
  open: boolean
}

let clock: ManualClock
let asks: Ask[]
let servers: string[]
let said: string[]
let ids: number
let forwarder: Forwarder

beforeEach(() => {
  clock = new ManualClock()
  asks = []
  servers = ["one", "two"]
  said = []
  ids = 0
  const upstreams: Upstreams = {
    servers: () => servers,
    ask: (server, message, way, heard) => {
      const ask = { server, message, way, heard, open: true }
      asks.push(ask)
      return () => {
        ask.open = false
      }
    },
  }
  forwarder = new Forwarder({ upstreams, clock, random: { bytes: () => Uint8Array.of(1, ++ids & 255) } })
})

function query(name = "www.example.com"): Query {
  const result = parseQuery(question(name, "A", { id: 99 }))
  if ("malformed" in result) throw new Error("malformed")
  return result.query
}

/** `rcode` 0: the answer that the name is at 192.0.2.1. */
function answer(ask: Ask, rcode = 0): void {
  const bytes = ask.message.slice()
  bytes[2] = 0x81
  bytes[3] = 0x80 | rcode
  ask.heard(bytes)
}

function forward(client = "c", name?: string, way: Way = "udp"): void {
  forwarder.forward(query(name), client, way, (message) => {
    expect(message.subarray(0, 2)).toEqual(Uint8Array.of(0, 99))
    said.push(readable(message).split(";")[0]!)
  })
}

const asked = () => asks.map((ask) => ask.server).join(" ")
const nothingIsOpen = () => {
  expect(asks.filter((ask) => ask.open)).toEqual([])
  expect(forwarder.size).toBe(0)
  expect(clock.timers).toBe(0)
}

describe("one question", () => {
  test("the first resolver's answer is the answer; everything is closed then", () => {
    forward()
    answer(asks[0]!)
    expect(said).toEqual(["NOERROR qr rd ra"])
    expect(asked()).toBe("one")
    nothingIsOpen()
  })

  test("that there is no such name is an answer", () => {
    forward()
    answer(asks[0]!, 3)
    expect(said).toEqual(["NXDOMAIN qr rd ra"])
    nothingIsOpen()
  })

  test.each([
    ["SERVFAIL", 2],
    ["REFUSED", 5],
  ])("%s: the next one is asked at once", (_, rcode) => {
    forward()
    answer(asks[0]!, rcode)
    expect(asked()).toBe("one two")
    answer(asks[1]!)
    expect(said).toEqual(["NOERROR qr rd ra"])
    nothingIsOpen()
  })

  test("one that refuses does not change the order of the others", () => {
    servers = ["one", "two", "three"]
    forward()
    answer(asks[0]!, 5)
    clock.advance(400)
    expect(asked()).toBe("one two three")
  })

  test("all refuse, or cannot be reached: that is said at once", () => {
    forward()
    answer(asks[0]!, 5)
    asks[1]!.heard(null)
    expect(asked()).toBe("one two")
    expect(said).toEqual(["SERVFAIL qr rd ra"])
    nothingIsOpen()
  })

  test("one is silent: the other is asked too, and the first may still answer", () => {
    forward()
    clock.advance(399)
    expect(asked()).toBe("one")
    clock.advance(1)
    expect(asked()).toBe("one two")
    answer(asks[0]!)
    expect(said).toEqual(["NOERROR qr rd ra"])
    nothingIsOpen()
  })

  test("a single one is asked again, each time under another id", () => {
    servers = ["one"]
    forward()
    clock.advance(800)
    expect(asked()).toBe("one one one")
    expect(new Set(asks.map(({ message }) => message[1])).size).toBe(3)
    answer(asks[1]!)
    expect(said).toHaveLength(1)
    nothingIsOpen()
  })

  test("what is no answer to it is passed over", () => {
    forward()
    const wrong = asks[0]!.message.slice()
    wrong[2] = 0x81
    wrong[1]! += 1
    asks[0]!.heard(wrong)
    asks[0]!.heard(new Uint8Array(3))
    asks[0]!.heard(asks[0]!.message)
    expect(said).toEqual([])
    answer(asks[0]!)
    expect(said).toHaveLength(1)
  })

  test("by TCP it goes on by TCP", () => {
    forward("c", undefined, "tcp")
    expect(asks[0]!.way).toBe("tcp")
  })
})

describe("nobody answers", () => {
  test("it fails within two seconds, and sooner the next time", () => {
    forward()
    clock.advance(1_499)
    expect(said).toEqual([])
    clock.advance(1)
    expect(said).toEqual(["SERVFAIL qr rd ra"])
    forward("c", "other.example")
    clock.advance(199)
    expect(said).toHaveLength(1)
    clock.advance(1)
    expect(said).toHaveLength(2)
    clock.advance(4_000)
    nothingIsOpen()
  })

  test("the same client's same question fails at once for a second, another's does not", () => {
    forward()
    clock.advance(1_500)
    forward()
    expect(said).toHaveLength(2)
    forward("other client")
    forward("c", "www.example.org")
    expect(said).toHaveLength(2)
    clock.advance(1_000)
    expect(said).toHaveLength(4)
    forward()
    expect(said).toHaveLength(4)
  })

  test("a slow one is heard after all: it is asked again, and waited for", () => {
    forward()
    clock.advance(2_000)
    expect(said).toHaveLength(1)
    answer(asks[0]!)
    expect(said).toHaveLength(1)
    nothingIsOpen()
    asks = []
    forward()
    clock.advance(1_000)
    answer(asks[0]!)
    expect(said).toEqual(["SERVFAIL qr rd ra", "NOERROR qr rd ra"])
  })

  test("one that has answered others meanwhile is not silent: one slow name is nobody's death", () => {
    servers = ["one"]
    forward("c", "slow.example")
    clock.advance(600)
    forward("c", "quick.example")
    answer(asks.at(-1)!)
    clock.advance(1_000)
    expect(said).toEqual(["NOERROR qr rd ra", "SERVFAIL qr rd ra"])
    forward("c", "next.example")
    clock.advance(1_000)
    expect(said).toHaveLength(2)
  })

  test("the one that was heard of lately is asked first", () => {
    forward()
    clock.advance(1_500)
    asks = []
    servers = ["one", "two", "three"]
    forward("c", "other.example")
    expect(asked()).toBe("three")
  })

  test("without resolvers it fails at once", () => {
    servers = []
    forward()
    expect(said).toEqual(["SERVFAIL qr rd ra"])
    nothingIsOpen()
  })
})

describe("bounds", () => {
  test("one client has its share, and others theirs", () => {
    for (let n = 0; n < DNS_FORWARDS_PER_CLIENT_MAX; n++) forward("greedy")
    expect(said).toEqual([])
    forward("greedy")
    expect(said).toEqual(["SERVFAIL qr rd ra"])
    forward("other")
    expect(said).toHaveLength(1)
    answer(asks[0]!)
    forward("greedy")
    expect(said).toHaveLength(2)
  })

  test("all together too; a close ends them without a word", () => {
    for (let n = 0; n < DNS_FORWARDS_MAX; n++) forward(`client ${n}`)
    expect(said).toEqual([])
    forward("one more")
    expect(said).toHaveLength(1)
    forwarder.close()
    expect(said).toHaveLength(1)
    nothingIsOpen()
  })
})
