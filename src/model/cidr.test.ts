import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { OvlError } from "../base/errors.ts"
import {
  broadcastOf,
  cidrSize,
  containsAddress,
  firstHost,
  formatCidr,
  formatIpv4,
  isIpv6,
  lastHost,
  networkOf,
  overlaps,
  parseCidr,
  parseInterfaceAddress,
  parseIpv4,
} from "./cidr.ts"

/** What an attempt says, as a person would read it. */
function said(attempt: () => unknown): string {
  try {
    return JSON.stringify(attempt())
  } catch (error) {
    if (!(error instanceof OvlError)) throw error
    return `${error.kind} ${error.code}: ${error.message} | ${error.hint}`
  }
}

describe("IPv4", () => {
  test("numbers and texts are each other's inverse", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => parseIpv4(formatIpv4(n)) === n))
  })

  test.each(["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1.2.3.-4", "a.b.c.d", "1.2.3.0x4", "10"])(
    "%p is no address",
    (text) => expect(parseIpv4(text)).toBeNull(),
  )
})

describe("IPv6 is told from what is none", () => {
  test.each(["::", "::1", "fe80::1", "2001:db8:0:0:0:0:0:1", "::ffff:10.0.0.1", "1:2:3:4:5:6:7::"])("%p", (text) => {
    expect(isIpv6(text)).toBe(true)
  })
  test.each(["", ":", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "10.0.0.1", "::10.0.0.256", ":::"])(
    "not %p",
    (text) => expect(isIpv6(text)).toBe(false),
  )
})

describe("subnets", () => {
  test("are read strictly, and what is wrong is said", () => {
    const read = (text: string) => said(() => formatCidr(parseCidr(text)))
    expect(
      ["10.65.10.0/24", "10.65.10.5/24", "10.65.10.0", "10.65.10.0/33", "10.65.10.0/024", "red/24", "fd00::/64"].map(
        read,
      ),
    ).toEqual([
      '"10.65.10.0/24"',
      "usage subnet_invalid: subnet 10.65.10.5/24: host bits are set | did you mean 10.65.10.0/24?",
      "usage subnet_invalid: subnet 10.65.10.0: the prefix length must be a number from 0 to 32 | write it as 10.65.10.0/24",
      "usage subnet_invalid: subnet 10.65.10.0/33: the prefix length must be a number from 0 to 32 | write it as 10.65.10.0/24",
      "usage subnet_invalid: subnet 10.65.10.0/024: the prefix length must be a number from 0 to 32 | write it as 10.65.10.0/24",
      "usage subnet_invalid: subnet red/24: not an IPv4 subnet | write it as 10.65.10.0/24",
      "usage subnet_invalid: subnet fd00::/64: not an IPv4 subnet | write it as 10.65.10.0/24",
    ])
  })

  test("have their ends where they should", () => {
    const ends = (text: string) => {
      const subnet = parseCidr(text)
      return [firstHost(subnet), lastHost(subnet), broadcastOf(subnet)].map(formatIpv4).join(" ")
    }
    expect(ends("10.65.10.0/24")).toBe("10.65.10.1 10.65.10.254 10.65.10.255")
    expect(ends("192.168.0.128/30")).toBe("192.168.0.129 192.168.0.130 192.168.0.131")
    expect(ends("128.0.0.0/1")).toBe("128.0.0.1 255.255.255.254 255.255.255.255")
    expect(parseInterfaceAddress("10.65.10.2/24")).toEqual({ address: parseIpv4("10.65.10.2")!, prefix: 24 })
  })

  test("overlap exactly when they share an address", () => {
    const cidr = fc
      .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
      .map(([address, prefix]) => ({ address: networkOf(address, prefix), prefix }))
    fc.assert(
      fc.property(cidr, cidr, (a, b) => {
        const shared = Math.min(broadcastOf(a), broadcastOf(b)) - Math.max(a.address, b.address) + 1
        expect(overlaps(a, b)).toBe(shared > 0)
        expect(containsAddress(a, b.address)).toBe(b.address >= a.address && b.address < a.address + cidrSize(a))
      }),
    )
  })
})
