import { expect, test } from "bun:test"
import { doorsOf, questionOf } from "./expectations.ts"
import type { Scene, SceneWorkload } from "./scene.ts"

const workload = (name: string, ip: string) =>
  ({
    name,
    netns: `/ns/${name}`,
    endpoint: { ifname: "eth0" },
    endpoints: [{ network: { id: "1" }, endpoint: { ip, ip6: null } }],
  }) as unknown as SceneWorkload

test("on a network of IPv6 alone the proof listens where it asks", () => {
  const reach = { kind: "reach", text: "", from: "a", to: "b", holds: true, bytes: null }
  const at = (prefix: string) => {
    const scene = {
      topology: { expect: [{ ...reach, port: { protocol: "tcp", number: 80 } }] },
      outside: { name: "outside" },
      hosts: [],
      workloads: [workload("a", `${prefix}2/64`), workload("b", `${prefix}3/64`)],
    } as unknown as Scene
    return doorsOf(scene)
  }
  expect(at("fd00::")).toMatchObject([{ netns: "/ns/b", name: "b", address: "fd00::3", port: 80 }])
  expect(at("10.0.0.")).toMatchObject([{ netns: "/ns/b", name: "b", address: "0.0.0.0", port: 80 }])
})

test("a packet of a size has it by either family of addresses", () => {
  expect(questionOf("m", 1450, "10.0.0.2")).toHaveLength(1422)
  expect(questionOf("m", 1450, "fd00::2")).toHaveLength(1402)
})
