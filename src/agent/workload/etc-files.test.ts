import { expect, test } from "bun:test"
import {
  catalogOf,
  endpointRecord,
  GREEN,
  NODE_1,
  NODE_2,
  networkRecord,
  nodeRecord,
  RED,
} from "../../overlay/fixture.ts"
import { hostsText, resolvConfText } from "./etc-files.ts"

const netns = "/run/netns/ovl-a"
const red = { id: RED, name: "red" }
const green = { id: GREEN, name: "green" }
const LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

const catalog = catalogOf({
  nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
  networks: [
    networkRecord(RED, 256, { name: "red" }),
    networkRecord(GREEN, 257, { name: "green", subnets: [{ subnet: "10.65.11.0/24", gateway: "10.65.11.1" }] }),
  ],
  endpoints: [
    endpointRecord(1, RED, NODE_1, "10.65.10.2/24", { workload: "a", name: "a", netns }),
    endpointRecord(2, GREEN, NODE_1, "10.65.11.2/24", {
      workload: "a",
      name: "a.green",
      netns,
      ip6: "fd00:11::2/64",
    }),
    endpointRecord(3, RED, NODE_2, "10.65.10.3/24", { workload: "b", name: "b" }),
  ],
})

test("hosts has localhost and the workload's own names, and nobody else's", () => {
  const text = hostsText(catalog, { name: "a", hostname: "a", networks: [red], netns })
  expect(text).toBe(`${LOCALHOST}10.65.10.2\ta a.red\n`)
})

test("the name that it gives itself comes first; several networks are several lines, in order", () => {
  const text = hostsText(catalog, { name: "a", hostname: "www", networks: [green, red], netns })
  expect(text).toBe(`${LOCALHOST}10.65.11.2\twww a a.green\nfd00:11::2\twww a a.green\n10.65.10.2\twww a a.red\n`)
})

test("the endpoint of another workload that has taken the name is not its own", () => {
  const text = hostsText(catalog, { name: "a", hostname: "a", networks: [red], netns: "/run/netns/other" })
  expect(text).toBe(LOCALHOST)
})

const workload = { name: "a", hostname: "a", netns }

test("the resolvers are the gateways, in the order of its networks", () => {
  expect(resolvConfText(catalog, { ...workload, networks: [green, red] }, ["corp.example", "example"])).toBe(
    "search corp.example example\nnameserver 10.65.11.1\nnameserver 10.65.10.1\noptions ndots:0 timeout:2\n",
  )
})

test("of a network of several subnets it is the gateway of its own", () => {
  const subnets = [
    { subnet: "10.65.10.0/24", gateway: "10.65.10.1" },
    { subnet: "10.66.0.0/16", gateway: "10.66.0.1" },
  ]
  const wide = catalogOf({
    nodes: [nodeRecord(NODE_1, "192.168.1.51")],
    networks: [networkRecord(RED, 256, { name: "red", subnets })],
    endpoints: [endpointRecord(1, RED, NODE_1, "10.66.0.2/16", { workload: "a", name: "a", netns })],
  })
  expect(resolvConfText(wide, { ...workload, networks: [red] }, [])).toBe(
    "nameserver 10.66.0.1\noptions ndots:0 timeout:2\n",
  )
})

test("no gateway known: no file", () => {
  expect(resolvConfText(catalog, { ...workload, networks: [{ id: "0".repeat(64), name: "gone" }] }, [])).toBeNull()
})
