import { describe, expect, test } from "bun:test"
import { readAddress, readMac, splitPrefix, writeAddress, writeMac } from "./text.ts"

const bytes = new Uint8Array(20)

function roundAddress(text: string): string {
  bytes.fill(0xee)
  return readAddress(bytes, 2, writeAddress(text, bytes, 2))
}

describe("addresses", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["10.65.10.2", "10.65.10.2"],
    ["::", "::"],
    ["::1", "::1"],
    ["fd00::", "fd00::"],
    ["FD00:0:0:1::0051", "fd00:0:0:1::51"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
  ])("%s is %s", (text, expected) => expect(roundAddress(text)).toBe(expected))

  test.each([
    "",
    "10.65.10",
    "10.65.10.256",
    "10.65.10.2.3",
    "10..10.2",
    "10.65.10.x",
    "1::2::3",
    ":::",
    "1:2:3",
    "g::",
  ])("%p is none", (text) => expect(() => roundAddress(text)).toThrow(/not an IPv[46] address/))

  test("MAC addresses", () => {
    writeMac("02:42:0A:ff:00:9c", bytes, 3)
    expect(readMac(bytes, 3)).toBe("02:42:0a:ff:00:9c")
    for (const bad of ["", "02:42:0a:ff:00", "02-42-0a-ff-00-9c", "02:42:0a:ff:00:9g", "02:42:0a:ff:00:9c:11"]) {
      expect(() => writeMac(bad, bytes, 0)).toThrow("not a MAC address")
    }
  })

  test("prefixes", () => {
    expect(splitPrefix("10.65.10.1/24")).toEqual({ address: "10.65.10.1", length: 24 })
    expect(splitPrefix("fd00::1")).toEqual({ address: "fd00::1", length: 128 })
    for (const bad of ["10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/x"]) {
      expect(() => splitPrefix(bad)).toThrow("not a prefix")
    }
  })
})
