import { expect, test } from "bun:test"
import { asOvlError } from "../base/errors.ts"
import { refuseOverlap } from "./overlapping-networks.ts"

function network(name: string, ...subnets: string[]) {
  return { id: name, name, subnets: subnets.map((subnet) => ({ subnet, gateway: "" })) }
}

function refusal(present: ReturnType<typeof network>[], comers: ReturnType<typeof network>[]): string {
  try {
    refuseOverlap("w", present, comers)
    return "taken"
  } catch (error) {
    const { kind, code, message } = asOvlError(error)
    return `${kind} ${code}: ${message}`
  }
}

const RED = network("red", "10.65.10.0/24")
const GREEN = network("green", "10.65.10.0/24")
const WIDE = network("wide", "10.70.0.0/24", "10.65.0.0/16")
const SIX = network("six", "fd65::/64")

test("the same subnet twice, in one call or one after the other", () => {
  const words =
    "conflict networks_overlap: workload w: cannot be on red and green: their subnets overlap (both are 10.65.10.0/24)"
  expect(refusal([], [RED, GREEN])).toBe(words)
  expect(refusal([RED], [GREEN])).toBe(words)
  expect(refusal([SIX, RED], [GREEN])).toBe(words)
})

test("any two subnets of theirs", () => {
  const words = "workload w: cannot be on red and wide: their subnets overlap (10.65.10.0/24 and 10.65.0.0/16)"
  expect(refusal([], [RED, SIX, WIDE])).toBe(`conflict networks_overlap: ${words}`)
})

test("networks apart, other families, and what overlaps already are none of its business", () => {
  expect(refusal([RED], [SIX, network("blue", "10.65.11.0/24")])).toBe("taken")
  expect(refusal([RED, GREEN], [SIX])).toBe("taken")
  expect(refusal([RED], [RED])).toBe("taken")
})
