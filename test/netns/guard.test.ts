/** The table `bridge ovl` in a namespace of the real kernel: made, compared, changed, taken away. */
import { expect, test } from "bun:test"
import { changeGuard, guardIsAs, removeGuard, writeGuard } from "../../src/kernel/firewall/guard.ts"
import type { GuardPort, GuardState } from "../../src/model/dataplane.ts"
import { describeAsRoot, sandbox } from "../support/netns.ts"

const port = (number: number): GuardPort => ({
  device: `veth${number}`,
  mac: `02:42:0a:41:0a:${number.toString(16).padStart(2, "0")}`,
  addresses: [`10.65.10.${number}`, `fd00:65:10::${number}`],
})
const overlay = (ports: GuardPort[], allowSpoof = false): GuardState => {
  return { place: "overlay", gateways: ["10.65.10.1", "fd00:65:10::1"], allowSpoof, ports }
}

describeAsRoot("the guard of a bridge's ports", () => {
  const box = sandbox()

  test("is as it was made, and a port more or less is seen", () => {
    const { path } = box.namespace("guard")
    const states: GuardState[] = [
      overlay([port(2), port(3)]),
      overlay([port(2)], true),
      { place: "egress", ports: [port(2)] },
    ]
    for (const state of states) {
      expect(guardIsAs(path, state)).toBe(false)
      writeGuard(path, state)
      expect(guardIsAs(path, state)).toBe(true)
      changeGuard(path, [port(2)], [port(9)])
      expect(guardIsAs(path, state)).toBe(false)
      changeGuard(path, [port(9)], [port(2)])
      expect(guardIsAs(path, state)).toBe(true)
      expect(guardIsAs(path, { ...state, ports: [] })).toBe(false)
    }
    expect(removeGuard(path)).toBe(true)
    expect(removeGuard(path)).toBe(false)
    expect(() => changeGuard(path, [], [port(2)])).toThrow("nf_tables")
  })

  test("a thousand ports, each with all addresses it can have, are written and read back", () => {
    const { path } = box.namespace("many")
    const ports = Array.from({ length: 1000 }, (_, i) => ({
      device: `veth${i}`,
      mac: `02:42:0a:41:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`,
      addresses: [`10.65.${i >> 8}.${i & 255}`, `fd00:65:10::${i + 2}`, `fe80::${i + 2}`],
    }))
    writeGuard(path, overlay(ports))
    expect(guardIsAs(path, overlay(ports))).toBe(true)
    expect(guardIsAs(path, overlay(ports.slice(1)))).toBe(false)
  })

  test("where there is no namespace there is no guard", () => {
    expect(guardIsAs(`${box.directory}/none`, overlay([]))).toBe(false)
  })
})
