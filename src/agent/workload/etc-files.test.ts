import { expect, test } from "bun:test"
import { Catalog } from "../../model/catalog.ts"
import type { EndpointRecord } from "../../model/endpoint.ts"
import { HostsTexts } from "./etc-files.ts"

const RED = { id: "r".repeat(64), name: "red" }
const GREEN = { id: "g".repeat(64), name: "green" }

/** Endpoints as `ADDRESS WORKLOAD`. */
function texts(red: string[], green: string[] = []): HostsTexts {
  const catalog = new Catalog()
  const changes = [...red.map((line) => ({ line, network: RED })), ...green.map((line) => ({ line, network: GREEN }))]
  catalog.apply({
    revision: 1,
    snapshot: true,
    changes: changes.map(({ line, network }, index) => {
      const [ip = "", workload = ""] = line.split(" ")
      const id = String(index).padStart(64, "0")
      const value = { id, networkId: network.id, nodeId: "n", workload, name: workload, ip: `${ip}/24` }
      return { type: "endpoint", id, value: value as EndpointRecord }
    }),
  })
  return new HostsTexts(catalog)
}

const LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

test("a workload's own line comes first, wherever it stands among the others", () => {
  const all = texts(["10.65.10.2 a", "10.65.10.3 b", "10.65.10.4 c"])
  const of = (name: string) => all.of({ name, hostname: name, networks: [RED] })
  const [a, b, c] = ["10.65.10.2\ta a.red\n", "10.65.10.3\tb b.red\n", "10.65.10.4\tc c.red\n"]
  expect(of("a")).toBe(LOCALHOST + a + b + c)
  expect(of("b")).toBe(LOCALHOST + b + a + c)
  expect(of("c")).toBe(LOCALHOST + c + a + b)
})

test("the name that it gives itself stands in its own lines only", () => {
  const text = texts(["10.65.10.2 a", "10.65.10.3 b"]).of({ name: "a", hostname: "host", networks: [RED] })
  expect(text).toBe(`${LOCALHOST}10.65.10.2\thost a a.red\n10.65.10.3\tb b.red\n`)
})

test("several networks: its own lines in order, then the others of each", () => {
  const all = texts(["10.65.10.3 b", "10.65.10.2 a"], ["10.65.10.2 a", "10.65.10.9 far"])
  const text = all.of({ name: "a", hostname: "a", networks: [RED, GREEN] })
  expect(text.slice(LOCALHOST.length).trimEnd().split("\n")).toEqual([
    "10.65.10.2\ta a.red",
    "10.65.10.2\ta a.green",
    "10.65.10.3\tb b.red",
    "10.65.10.9\tfar far.green",
  ])
})

test("a network without endpoints adds nothing", () => {
  expect(texts([]).of({ name: "a", hostname: "a", networks: [RED] })).toBe(LOCALHOST)
})
