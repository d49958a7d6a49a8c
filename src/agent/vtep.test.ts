import { expect, test } from "bun:test"
import type { HostFacts } from "../model/dataplane.ts"
import { chooseVtep } from "./vtep.ts"

const facts: HostFacts = {
  links: [
    { name: "lo", mtu: 65536, up: true },
    { name: "eth0", mtu: 1500, up: true },
    { name: "eth1", mtu: 9000, up: true },
  ],
  addresses: [
    { device: "lo", address: "127.0.0.1/8" },
    { device: "eth0", address: "10.0.0.5/24" },
    { device: "eth1", address: "192.168.1.51/24" },
    { device: "eth1", address: "fd00::51/64" },
  ],
  routes: [{ dst: "default", via: "192.168.1.1", device: "eth1" }],
  forwarding: false,
  forwardingDevices: [],
  switchedDevices: [],
}

test("asked for: the address and its interface's MTU", () => {
  expect(chooseVtep(facts, "10.0.0.5", null)).toEqual({ address: "10.0.0.5", mtu: 1500 })
  // On lo it is routed, and the way there counts.
  expect(chooseVtep(facts, "127.0.0.1", null)).toEqual({ address: "127.0.0.1", mtu: 9000 })
})

test("not asked for: what the default route uses", () => {
  expect(chooseVtep(facts, null, null)).toEqual({ address: "192.168.1.51", mtu: 9000 })
})

test("known from before: kept while the host has it", () => {
  expect(chooseVtep(facts, null, "10.0.0.5")).toEqual({ address: "10.0.0.5", mtu: 1500 })
  expect(chooseVtep(facts, null, "10.0.0.6").address).toBe("192.168.1.51")
  expect(chooseVtep(facts, "fd00::51", "10.0.0.5").address).toBe("fd00::51")
})

test("no default route: the first address that is not loopback", () => {
  expect(chooseVtep({ ...facts, routes: [] }, null, null)).toEqual({ address: "10.0.0.5", mtu: 1500 })
})

test("the egress bridge is no way to other nodes", () => {
  const addresses = [{ device: "ovl_gwbridge", address: "172.18.0.1/16" }]
  expect(() => chooseVtep({ ...facts, addresses, routes: [] }, null, null)).toThrow("no interface has a usable one")
})

test("no address at all, no such address, no address", () => {
  expect(() => chooseVtep({ ...facts, addresses: [], routes: [] }, null, null)).toThrow("no interface has a usable one")
  expect(() => chooseVtep(facts, "10.9.9.9", null)).toThrow("no interface of this host has it")
  expect(() => chooseVtep(facts, "ten", null)).toThrow("it is no IP address")
})

test("a node that resumes waits for its address, and takes no other but the default route's for it (pain 8)", () => {
  const none = { ...facts, addresses: [], routes: [] }
  expect(chooseVtep(none, null, "10.0.0.6").address).toBe("10.0.0.6")
  expect(chooseVtep(none, "10.0.0.7", "10.0.0.6").address).toBe("10.0.0.7")
  expect(chooseVtep({ ...facts, routes: [] }, null, "10.0.0.6").address).toBe("10.0.0.6")
  expect(chooseVtep(facts, "10.0.0.7", "10.0.0.5").address).toBe("10.0.0.5")
})
