import { expect, test } from "bun:test"
import { parseHttpAddress } from "./address.ts"

test.each([
  ["off", null],
  ["127.0.0.1:8500", { hostname: "127.0.0.1", port: 8500, loopback: true }],
  ["127.9.9.9:0", { hostname: "127.9.9.9", port: 0, loopback: true }],
  ["localhost:8500", { hostname: "127.0.0.1", port: 8500, loopback: true }],
  ["[::1]:8500", { hostname: "::1", port: 8500, loopback: true }],
  ["[0:0:0:0:0:0:0:1]:1", { hostname: "0:0:0:0:0:0:0:1", port: 1, loopback: true }],
  ["[::ffff:127.0.0.1]:1", { hostname: "::ffff:127.0.0.1", port: 1, loopback: false }],
  ["0.0.0.0:80", { hostname: "0.0.0.0", port: 80, loopback: false }],
  ["[::]:80", { hostname: "::", port: 80, loopback: false }],
])("%s", (text, expected) => {
  expect(parseHttpAddress(text)).toEqual(expected)
})

test.each([
  "",
  "8500",
  ":8500",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "::1:8500",
  "[127.0.0.1]:1",
  "example.com:80",
  "OFF",
  "1.2.3:4",
  "127.0.0.1:1x",
])("%j is refused", (text) => {
  expect(() => parseHttpAddress(text)).toThrow("not ADDR:PORT")
})
