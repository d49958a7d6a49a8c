import { describe, expect, test } from "bun:test"
import { mappingsOverlap, parsePortMapping } from "./port-mapping.ts"
import { showPortMapping } from "./port-text.ts"

describe("a port mapping as people type it", () => {
  test.each([
    ["8080:80", "0.0.0.0:8080->80/tcp"],
    ["8080:80/udp", "0.0.0.0:8080->80/udp"],
    ["8080:80/TCP", "0.0.0.0:8080->80/tcp"],
    ["0.0.0.0:8080:80", "0.0.0.0:8080->80/tcp"],
    ["127.0.0.1:8080:80", "127.0.0.1:8080->80/tcp"],
    ["9000-9009:80-89", "0.0.0.0:9000-9009->80-89/tcp"],
    ["10.0.0.1:65535:1/udp", "10.0.0.1:65535->1/udp"],
    ["[::1]:8080:80", "[::1]:8080->80/tcp"],
    ["[::]:8080:80", "[::]:8080->80/tcp"],
    ["[2001:DB8:0::51]:9000-9009:80-89/udp", "[2001:db8::51]:9000-9009->80-89/udp"],
  ])("%s is %s", (text, shown) => {
    expect(showPortMapping(parsePortMapping(text))).toBe(shown)
  })

  test.each([
    ["80", "malformed"],
    ["", "malformed"],
    ["80:", "malformed"],
    ["a:b", "malformed"],
    ["0:80", "ports are from 1"],
    ["80:65536", "ports are from 1"],
    ["80-90:80-91", "11 ports to 12"],
    ["90-80:90-80", "runs backwards"],
    ["1-2000:1-2000", "more than"],
    ["80:80/sctp", "neither tcp nor udp"],
    ["[::1:80:80", "malformed"],
    ["[127.0.0.1]:80:80", "not an address"],
    ["host:80:80", "not an address"],
    ["4000-5000:4000-5000/udp", "the overlay's own"],
  ])("%s is refused", (text, why) => {
    expect(() => parsePortMapping(text)).toThrow(why)
  })

  test.each([
    ["80:1", "80:2", true],
    ["80:1", "80:1/udp", false],
    ["10.0.0.1:80:1", "10.0.0.2:80:1", false],
    ["10.0.0.1:80:1", "80:1", true],
    ["80-89:1-10", "89:1", true],
    ["80-89:1-10", "90:1", false],
  ])("%s and %s: %p", (one, other, overlap) => {
    expect(mappingsOverlap(parsePortMapping(one), parsePortMapping(other))).toBe(overlap)
    expect(mappingsOverlap(parsePortMapping(other), parsePortMapping(one))).toBe(overlap)
  })
})
