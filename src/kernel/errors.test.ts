import { expect, test } from "bun:test"
import { LinuxError } from "../linux/errno.ts"
import type { Operation } from "../model/operation.ts"
import { refused, vniTaken } from "./errors.ts"

const EOPNOTSUPP = 95
const VXLAN: Extract<Operation, { op: "vxlan-add" }> = {
  op: "vxlan-add",
  ns: "/run/netns/1-0123456789",
  name: "vxlan1",
  vni: 256,
  local: "192.168.1.51",
  port: 4789,
  mac: "06:00:00:00:00:01",
  mtu: 1450,
  master: "br0",
  alias: "ovl:1",
  proxy: true,
}

test("a kernel without vxlan is told so, with the module and the option that it lacks (pain 19)", () => {
  const { code, message, hint } = refused(VXLAN, new LinuxError("link add vxlan1", EOPNOTSUPP, "Unknown device type"))
  expect(code).toBe("kernel_unsupported")
  expect(message).toMatch(/vxlan1.*Unknown device type/)
  expect(hint).toContain("modprobe vxlan")
  expect(hint).toContain("CONFIG_VXLAN")
})

test("the way to somebody else's device is one that works for a namespace without a name (pain 13)", () => {
  const hint = (where: string) => vniTaken(VXLAN, { where, device: "vx9" }).hint
  expect(hint("host")).toContain("(ip link del vx9)")
  expect(hint("/proc/77/ns/net")).toContain("(nsenter --net=/proc/77/ns/net ip link del vx9)")
})
