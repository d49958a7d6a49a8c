import { expect, test } from "bun:test"
import type { Listener } from "../linux/listeners.ts"
import { parsePortMapping } from "../model/port-mapping.ts"
import { endpointRecord, NODE_1, RED } from "../overlay/fixture.ts"
import { PublishedPorts } from "./published-ports.ts"

const LISTENERS: Listener[] = [
  { protocol: "tcp", address: "127.0.0.1", port: 8500 },
  { protocol: "tcp", address: null, port: 22 },
]
const WEB = endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { ports: [parsePortMapping("8080:80")] })

function ports() {
  return new PublishedPorts({
    endpoints: () => [WEB],
    listeners: () => LISTENERS,
    addresses: () => [{ device: "eth0", address: "192.168.1.51/24" }],
  })
}

test.each([
  ["8080:80", "workload w1"],
  ["192.168.1.51:8000-8100:1000-1100", "workload w1"],
  ["8500:80", "a program of this host"],
  ["127.0.0.1:8500:80", "a program of this host"],
  ["192.168.1.51:22:22", "a program of this host"],
])("%s is taken by %s", (text, owner) => {
  expect(() => ports().promise("db", [parsePortMapping(text)])).toThrow(`taken by ${owner}`)
})

test.each(["8080:80/udp", "8081:80", "192.168.1.51:8500:8500", "127.0.0.9:8500:80"])("%s is free", (text) => {
  expect(() => ports().promise("db", [parsePortMapping(text)])).not.toThrow()
})

test("an address of somebody else is none to publish on", () => {
  expect(() => ports().promise("db", [parsePortMapping("192.168.1.52:80:80")])).toThrow("no address of this node")
})

test("what is promised is taken until it is released; a refusal keeps nothing", () => {
  const all = ports()
  const wanted = () => [parsePortMapping("90:90")]
  const { release } = all.promise("a", wanted())
  expect(() => all.promise("b", [parsePortMapping("91:91"), ...wanted()])).toThrow("taken by workload a")
  release()
  all.promise("b", [parsePortMapping("91:91"), ...wanted()])
  expect(() => all.promise("c", [parsePortMapping("95:1"), parsePortMapping("95:2")])).toThrow("taken by the same call")
})
