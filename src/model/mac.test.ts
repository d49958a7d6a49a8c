import { expect, test } from "bun:test"
import fc from "fast-check"
import { parseIpv4 } from "./cidr.ts"
import { ipv4OfMac, linkLocalOf, macOfIpv4, macOfIpv6, parseMac, vethMac, vxlanMac } from "./mac.ts"

test("an endpoint's MAC is 02:42 and its address, and back", () => {
  expect(macOfIpv4(parseIpv4("10.65.10.2")!)).toBe("02:42:0a:41:0a:02")
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => ipv4OfMac(macOfIpv4(n)) === n))
  expect(ipv4OfMac("06:42:0a:41:0a:02")).toBeNull()
})

test("without an IPv4 address it is a hash of the IPv6 address, and a further attempt is another one", () => {
  expect(macOfIpv6("fd00::2")).toBe(macOfIpv6("fd00::2"))
  const macs = new Set(Array.from({ length: 5_000 }, (_, n) => macOfIpv6(`fd00::${(n + 2).toString(16)}`)))
  expect(macs.size).toBe(5_000)
  for (const mac of macs) expect([parseMac(mac), ipv4OfMac(mac), mac.slice(0, 3)]).toEqual([mac, null, "0a:"])
  expect(macOfIpv6("fd00::2", 1)).not.toBe(macOfIpv6("fd00::2"))
})

test("a link-local address is made of a MAC", () => {
  expect(linkLocalOf("02:42:0a:41:0a:02")).toBe("fe80::42:aff:fe41:a02/64")
  expect(linkLocalOf("00:00:5e:00:02:01")).toBe("fe80::200:5eff:fe00:201/64")
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
