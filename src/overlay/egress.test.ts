import { expect, test } from "bun:test"
import { chooseEgressAddress, nextEgressAddress, underlayMtu } from "./egress.ts"
import { catalogOf, networkRecord, RED } from "./fixture.ts"

const EMPTY = catalogOf({ nodes: [], networks: [], endpoints: [] })
const route = (dst: string, device = "eth0") => ({ dst, via: null, device })

test("the first subnet that nothing here overlaps", () => {
  const choose = (routes: ReturnType<typeof route>[], addresses: string[] = [], catalog = EMPTY) =>
    chooseEgressAddress({ routes, addresses: addresses.map((address) => ({ device: "eth0", address })) }, catalog, null)
  expect(choose([route("default"), route("10.0.0.0/8")])).toBe("172.18.0.1/16")
  expect(choose([route("172.18.4.0/24")])).toBe("172.19.0.1/16")
  expect(choose([route("172.16.0.0/14")], ["172.20.0.9/24"])).toBe("172.21.0.1/16")
  expect(choose([route("172.18.0.7")])).toBe("172.19.0.1/16")
  expect(choose([route("172.18.0.0/16", "ovl_gwbridge")])).toBe("172.18.0.1/16")
  const subnets = [{ subnet: "172.18.0.0/24", gateway: "172.18.0.1" }]
  const overlay = catalogOf({ nodes: [], networks: [networkRecord(RED, 256, { subnets })], endpoints: [] })
  expect(choose([], [], overlay)).toBe("172.19.0.1/16")
  expect(() => choose([route("172.16.0.0/12")])).toThrow("all overlap")
})

test("the subnet in use is kept", () => {
  const facts = { routes: [route("172.18.0.0/16")], addresses: [] }
  expect(chooseEgressAddress(facts, EMPTY, "172.18.0.1/16")).toBe("172.18.0.1/16")
})

test("addresses come in order, a freed one after the others", () => {
  const next = (last: string | null, taken: string[]) => nextEgressAddress("172.18.0.1/16", last, new Set(taken))
  expect(next(null, [])).toBe("172.18.0.2/16")
  expect(next("172.18.0.2/16", [])).toBe("172.18.0.3/16")
  expect(next("172.18.0.2/16", ["172.18.0.3/16"])).toBe("172.18.0.4/16")
  expect(next("172.18.255.254/16", [])).toBe("172.18.0.2/16")
  expect(next("172.19.0.9/16", [])).toBe("172.18.0.2/16")
  expect(() => nextEgressAddress("172.18.0.1/30", null, new Set(["172.18.0.2/30"]))).toThrow("no address is free")
})

test("the underlay's MTU is that of the interface with the VTEP", () => {
  const links = [
    { name: "lo", mtu: 65_536, up: true },
    { name: "eth0", mtu: 9000, up: true },
    { name: "eth1", mtu: 1500, up: true },
  ]
  const facts = {
    links,
    addresses: [
      { device: "eth0", address: "192.168.1.51/24" },
      { device: "lo", address: "9.9.9.1/32" },
    ],
    routes: [route("default"), route("10.0.0.0/8", "eth1")],
    forwarding: false,
    forwardingDevices: [],
    switchedDevices: [],
  }
  expect(underlayMtu(facts, "192.168.1.51")).toBe(9000)
  expect(underlayMtu(facts, "9.9.9.1")).toBe(1500)
  expect(underlayMtu(facts, "192.168.1.52")).toBeNull()
})
