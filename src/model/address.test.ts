import { expect, test } from "bun:test"
import fc from "fast-check"
import { ipBytes, bareIp, canonicalIp, formatIp, parseIp, parseSubnet, subnetsOverlap } from "./address.ts"

test("numbers and texts are each other's inverse, in both families", () => {
  const ip = fc.oneof(
    fc.bigInt(0n, 0xffff_ffffn).map((value) => ({ family: 4 as const, value })),
    fc.bigInt(0n, (1n << 128n) - 1n).map((value) => ({ family: 6 as const, value })),
    // Long runs of zeros.
    fc
      .tuple(fc.bigInt(0n, 0xffffn), fc.nat(112))
      .map(([part, by]) => ({ family: 6 as const, value: part << BigInt(by) })),
  )
  fc.assert(fc.property(ip, (each) => Bun.deepEquals(parseIp(formatIp(each)), each)))
})

test.each([
  ["FD00:0::0006", "fd00::6"],
  ["::", "::"],
  ["::1", "::1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ["10.65.10.2", "10.65.10.2"],
  ["fd00::1%eth0", null],
  ["fd00::/64", null],
  ["010.1.1.1", null],
])("%p has one text: %p", (text, canonical) => expect(canonicalIp(text)).toBe(canonical))

test("subnets of different families never overlap", () => {
  expect(subnetsOverlap(parseSubnet("0.0.0.0/0"), parseSubnet("::/0"))).toBe(false)
  expect(subnetsOverlap(parseSubnet("fd00::/16"), parseSubnet("fd00:1::/32"))).toBe(true)
  expect(subnetsOverlap(parseSubnet("fd00::/64"), parseSubnet("fd00:0:0:1::/64"))).toBe(false)
  expect(bareIp("fd00::2/64")).toBe("fd00::2")
})

test("an address as bytes, in the order of the network", () => {
  expect([...ipBytes("10.65.0.2")]).toEqual([10, 65, 0, 2])
  expect(Buffer.from(ipBytes("fd00::1:2")).toString("hex")).toBe("fd000000000000000000000000010002")
  expect(() => ipBytes("10.65.0")).toThrow("no address")
})
