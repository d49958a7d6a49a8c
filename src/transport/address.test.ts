import { expect, test } from "bun:test"
import { formatAddress, parseAddress } from "./address.ts"

test("addresses are taken apart and put together again", () => {
  for (const text of ["192.168.1.51:8300", "[fd00::1]:8300", "[fe80::1%eth0]:1", "host-1.example:65535"]) {
    expect(formatAddress(parseAddress(text))).toBe(text)
  }
  expect(parseAddress("[fd00::1]:8300")).toEqual({ host: "fd00::1", port: 8300 })
})

test("what is none says so", () => {
  for (const text of ["", "host", "host:", ":8300", "host:0", "host:65536", "fd00::1:8300", "a b:1", "h:1x"]) {
    expect(() => parseAddress(text)).toThrow(`address ${text}: it is not of the form HOST:PORT`)
  }
})
