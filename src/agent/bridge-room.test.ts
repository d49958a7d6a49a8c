import { expect, test } from "bun:test"
import { asOvlError } from "../base/errors.ts"
import { BRIDGE_ENDPOINTS_MAX } from "../base/limits.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { endpointRecord } from "../overlay/fixture.ts"
import { BridgeRoom, type Comer } from "./bridge-room.ts"

const RED = "a".repeat(64)
const EGRESS = { ifname: "eth1", ip: "172.18.0.2/16", gateway: "172.18.0.1" }

function comer(id: string, egress = false, networkId = RED): Comer {
  return { id, networkId, name: id, egress: egress ? EGRESS : null }
}

function room(count: number, egress: boolean) {
  const own = Array.from({ length: count }, (_, n): EndpointRecord => {
    return { ...endpointRecord(n, RED, "n1", "10.65.10.2/24"), id: `own${n}`, egress: egress ? EGRESS : null }
  })
  const endpoints = new Map(own.map((each) => [each.id, each]))
  return { door: new BridgeRoom({ networks: new Map(), endpoints }, () => own), own, endpoints }
}

function refusal(take: () => unknown): string {
  try {
    take()
    return "taken"
  } catch (error) {
    const { code, kind } = asOvlError(error)
    return `${kind} ${code}`
  }
}

test("so many on a network, and no more", () => {
  const { door } = room(BRIDGE_ENDPOINTS_MAX - 1, false)
  const first = door.take([comer("a")])
  expect(refusal(() => door.take([comer("b")]))).toBe("conflict bridge_full")
  expect(refusal(() => door.take([comer("b", false, "b".repeat(64))]))).toBe("taken")
  first.release()
  expect(refusal(() => door.take([comer("b")]))).toBe("taken")
})

test("all of one call or none", () => {
  const { door } = room(BRIDGE_ENDPOINTS_MAX - 1, false)
  expect(refusal(() => door.take([comer("a"), comer("b")]))).toBe("conflict bridge_full")
  expect(refusal(() => door.take([comer("c")]))).toBe("taken")
})

test("where the egress bridge is full, an endpoint without egress is still possible", () => {
  const { door } = room(BRIDGE_ENDPOINTS_MAX - 2, true)
  door.take([comer("a"), comer("b", true)])
  const { door: full } = room(BRIDGE_ENDPOINTS_MAX, true)
  expect(refusal(() => full.take([comer("c", true, "c".repeat(64))]))).toBe("conflict egress_bridge_full")
  expect(refusal(() => full.take([comer("c", false, "c".repeat(64))]))).toBe("taken")
})

test("one that has come into the catalog counts once", () => {
  const { door, own, endpoints } = room(BRIDGE_ENDPOINTS_MAX - 2, false)
  door.take([comer("a")])
  const here = { ...endpointRecord(1, RED, "n1", "10.65.10.2/24"), id: "a" }
  own.push(here)
  endpoints.set("a", here)
  expect(refusal(() => door.take([comer("b")]))).toBe("taken")
  expect(refusal(() => door.take([comer("c")]))).toBe("conflict bridge_full")
})
