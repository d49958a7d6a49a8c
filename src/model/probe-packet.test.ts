import { expect, test } from "bun:test"
import {
  decodeProbe,
  encodeProbe,
  PROBE_PAYLOAD_MAX_BYTES,
  PROBE_SMALL_BYTES,
  type Probe,
  probeClusterTag,
  probeNodeTag,
} from "./probe-packet.ts"

const probe: Probe = {
  kind: "ask",
  size: PROBE_SMALL_BYTES,
  other: 1450,
  cluster: "0123456789abcdef",
  from: "a1".repeat(16),
  to: "b2".repeat(16),
  round: "00112233445566ff",
  time: 1_795_434_115_932,
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

test("a probe is a VXLAN packet with a VNI that no network has, around a frame of the experimental type", () => {
  const bytes = encodeProbe(probe)
  expect(hexOf(bytes.subarray(0, 8))).toBe("0800000000000000")
  expect(hexOf(bytes.subarray(8, 22))).toBe("066f766c7001066f766c700288b5")
  expect(bytes.subarray(22, 26)).toEqual(new TextEncoder().encode("ovlp"))
  expect(bytes.length).toBe(22 + PROBE_SMALL_BYTES)
})

test("what is written is read, at any size that an overlay can have", () => {
  for (const size of [PROBE_SMALL_BYTES, 1450, PROBE_PAYLOAD_MAX_BYTES])
    for (const kind of ["ask", "answer"] as const)
      expect(decodeProbe(encodeProbe({ ...probe, kind, size }))).toEqual({ ...probe, kind, size })
})

test("of ids their tags travel", () => {
  const long = { cluster: `0123456789abcdef${"9".repeat(48)}`, from: "a1".repeat(32), to: "b2".repeat(32) }
  expect(decodeProbe(encodeProbe({ ...probe, ...long }))).toEqual(probe)
  expect(probeNodeTag(long.from)).toBe(probe.from)
  expect(probeClusterTag("0123-4567")).toBe("0123456700000000")
})

test("whatever is not exactly a probe is none", () => {
  const good = encodeProbe(probe)
  const altered = (at: number, value: number) => {
    const bytes = new Uint8Array(good)
    bytes[at] = value
    return decodeProbe(bytes)
  }
  expect(altered(0, 0)).toBeNull() // VXLAN flags
  expect(altered(6, 1)).toBeNull() // another VNI
  expect(altered(22, 0)).toBeNull() // the magic
  expect(altered(26, 2)).toBeNull() // another version
  expect(altered(27, 0)).toBeNull() // neither ask nor answer
  expect(altered(27, 3)).toBeNull()
  expect(altered(29, 81)).toBeNull() // a size that it does not have
  for (const other of [PROBE_PAYLOAD_MAX_BYTES + 1, PROBE_SMALL_BYTES - 1, 0])
    expect(decodeProbe(encodeProbe({ ...probe, other }))).toBeNull()
  expect(decodeProbe(good.subarray(0, good.length - 1))).toBeNull()
  expect(decodeProbe(new Uint8Array([...good, 0]))).toBeNull()
  expect(decodeProbe(new Uint8Array(0))).toBeNull()
  expect(decodeProbe(new Uint8Array(70_000))).toBeNull()
})

test("a time that is no number is none", () => {
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY])
    expect(decodeProbe(encodeProbe({ ...probe, time }))).toBeNull()
})

test("bytes at random are never a reason to throw", () => {
  let seed = 1
  const next = () => (seed = (seed * 48_271) % 0x7fffffff)
  for (let i = 0; i < 5_000; i++) {
    const bytes = new Uint8Array(encodeProbe(probe)).subarray(0, next() % 103)
    for (let n = next() % 4; n > 0; n--) bytes[next() % (bytes.length || 1)] = next() % 256
    const read = decodeProbe(bytes)
    if (read) expect(read.size).toBe(bytes.length - 22)
  }
})
