import { expect, test } from "bun:test"
import fc from "fast-check"
import { parseIpv4 } from "./cidr.ts"
import { ipv4OfMac, macOfIpv4, parseMac, vethMac, vxlanMac } from "./mac.ts"

test("an endpoint's MAC is 02:42 and its address, and back", () => {
  expect(macOfIpv4(parseIpv4("10.65.10.2")!)).toBe("02:42:0a:41:0a:02")
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => ipv4OfMac(macOfIpv4(n)) === n))
  expect(ipv4OfMac("06:42:0a:41:0a:02")).toBeNull()
})

test("MACs are read in both usual forms, and what no interface can have is refused", () => {
  expect(parseMac("02-42-0A-41-0a-02")).toBe("02:42:0a:41:0a:02")
  for (const bad of ["", "02:42", "02:42:0a:41:0a:02:03", "02:42-0a:41:0a:02", "0242.0a41.0a02", "02:42:0a:41:0a:0g"]) {
    expect(() => parseMac(bad)).toThrow("not an Ethernet address")
  }
  expect(() => parseMac("00:00:00:00:00:00")).toThrow("all zeros")
  expect(() => parseMac("01:00:5e:00:00:01")).toThrow("a group address")
  expect(() => parseMac("FF:FF:FF:FF:FF:FF")).toThrow("a group address")
})

test("hidden devices have fixed MACs of their own, which no endpoint's address can give", () => {
  const id = "a".repeat(64)
  expect(vethMac(id)).toBe(vethMac(id))
  const macs = new Set<string>()
  for (let n = 0; n < 20_000; n++) {
    const mac = vethMac(`${n}`.padStart(64, "0"))
    expect(parseMac(mac)).toBe(mac)
    expect(mac.startsWith("06:")).toBe(true)
    macs.add(mac)
  }
  expect(macs.size).toBe(20_000)
  expect(vxlanMac(id, "b")).not.toBe(vxlanMac(id, "c"))
})
