import { expect, test } from "bun:test"
import type { PublishedPort } from "../../model/dataplane.ts"
import { addressDigits, staleConnections, type TrackedConnection } from "./connections.ts"

const OWN = ["192.168.1.51", "172.18.0.1"]

function port(hostPort: number, to: string, more: Partial<PublishedPort> = {}): PublishedPort {
  return { protocol: "udp", address: null, hostPort, port: 53, count: 1, to, ...more }
}

/** `192.168.1.51:5300 172.18.0.2:53`: what was asked for, and who answers. */
function tracked(text: string, protocol: "tcp" | "udp" = "udp"): TrackedConnection {
  const [asked = "", answer = ""] = text.split(" ")
  const [askedAddress = "", askedPort] = asked.split(":")
  const [answerAddress = "", answerPort] = answer.split(":")
  return {
    protocol,
    askedAddress: addressDigits(askedAddress),
    askedPort: Number(askedPort),
    answerAddress: addressDigits(answerAddress),
    answerPort: Number(answerPort),
  }
}

function stale(changed: PublishedPort[], published: PublishedPort[], connections: string[]): string[] {
  const isStale = staleConnections(changed, published, OWN)
  return connections.filter((each) => isStale(tracked(each)))
}

const TO_HOST = "192.168.1.51:5300 192.168.1.51:5300"
const TO_FIRST = "192.168.1.51:5300 172.18.0.2:53"
const TO_SECOND = "192.168.1.51:5300 172.18.0.3:53"
const OUTWARDS = "9.9.9.9:5300 9.9.9.9:5300"
const OTHER_PORT = "192.168.1.51:5301 172.18.0.2:53"
const ALL = [TO_HOST, TO_FIRST, TO_SECOND, OUTWARDS, OTHER_PORT]

test("a port that is withdrawn: what leads to its workload", () => {
  expect(stale([port(5300, "172.18.0.2")], [], ALL)).toEqual([TO_FIRST])
})

test("a port that is published, or has another workload now: what leads elsewhere", () => {
  const now = [port(5300, "172.18.0.3")]
  expect(stale(now, now, ALL)).toEqual([TO_HOST, TO_FIRST])
  expect(stale([port(5300, "172.18.0.2"), ...now], now, ALL)).toEqual([TO_HOST, TO_FIRST])
})

test("one address, a port of a range, 127.0.0.1, and the other protocol", () => {
  const one = [port(5300, "172.18.0.3", { address: "172.18.0.1" })]
  expect(stale(one, one, [TO_HOST, "172.18.0.1:5300 172.18.0.1:5300"])).toEqual(["172.18.0.1:5300 172.18.0.1:5300"])
  const range = [port(5300, "172.18.0.3", { port: 7000, count: 3 })]
  const right = "127.0.0.1:5302 172.18.0.3:7002"
  const wrong = "127.0.0.1:5302 172.18.0.3:7001"
  expect(stale(range, range, [right, wrong])).toEqual([wrong])
  expect(staleConnections(one, one, OWN)(tracked("172.18.0.1:5300 172.18.0.1:5300", "tcp"))).toBe(false)
})
