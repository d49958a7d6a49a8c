import { expect, test } from "bun:test"
import { probeFaults, type ProbeView } from "./probe.ts"

const OPEN = { small: true, full: true }
const view: ProbeView = {
  node: "n2",
  address: "192.168.1.52",
  there: OPEN,
  back: OPEN,
  ms: 0.2,
  mtu: 1450,
  largest: null,
  clockAheadMs: 0,
  refused: null,
}
const messages = (given: Partial<ProbeView>) => probeFaults("n1", { ...view, ...given }).map(({ message }) => message)

test("nothing where all passes", () => {
  expect(messages({})).toEqual([])
})

test("a blocked direction is named by where it begins and ends", () => {
  const there = { small: false, full: false }
  expect(messages({ there })).toEqual(["VXLAN from n1 to n2 (UDP port 4789) is blocked"])
  expect(messages({ back: there })).toEqual(["VXLAN from n2 to n1 (UDP port 4789) is blocked"])
  expect(messages({ there, back: there })).toHaveLength(2)
  expect(messages({ there, refused: "EPERM" })[0]).toEndWith("blocked: n1's own kernel refuses to send (EPERM)")
})

test("so is one that eats large frames, with what passes and the MTU to set, by address family", () => {
  const back = { small: true, full: false }
  expect(messages({ back, largest: 1300 })).toEqual([
    "full-size frames (MTU 1450) from n2 to n1 are lost, small ones pass; the largest that passes is 1300",
  ])
  expect(probeFaults("n1", { ...view, back, largest: 1300 })[0]!.hint).toContain("1350 bytes")
  expect(probeFaults("n1", { ...view, address: "fd00::2", back, largest: 1300 })[0]!.hint).toContain("1370 bytes")
})

test("a node that says nothing is not a blocked way", () => {
  const unknown = { small: null, full: null }
  expect(probeFaults("n1", { ...view, there: unknown, back: unknown }).map(({ code }) => code)).toEqual([
    "probe_unanswered",
  ])
  // It was not asked over the control plane, but what it sent was heard.
  expect(messages({ there: unknown })).toEqual([])
})
