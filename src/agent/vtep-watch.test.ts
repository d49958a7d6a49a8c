import { beforeEach, describe, expect, test } from "bun:test"
import { ManualClock } from "../base/manual-clock.ts"
import { VTEP_RETRY_MS, VTEP_SETTLE_MS } from "../base/limits.ts"
import { silentLog } from "../base/log.ts"
import type { HostFacts } from "../model/dataplane.ts"
import { VtepWatch } from "./vtep-watch.ts"

let clock: ManualClock
let addresses: HostFacts["addresses"]
let routes: HostFacts["routes"]
let told: string[]
let refuse: boolean

beforeEach(() => {
  clock = new ManualClock()
  addresses = [
    { device: "lo", address: "127.0.0.1/8" },
    { device: "docker0", address: "172.17.0.1/16" },
    { device: "eth0", address: "192.168.1.51/24" },
    { device: "eth0", address: "fe80::1/64" },
  ]
  routes = []
  told = []
  refuse = false
})

function watch(advertise: string | null, address = "192.168.1.51"): VtepWatch {
  const facts = () => ({ links: [], addresses, routes, forwarding: false, forwardingDevices: [], switchedDevices: [] })
  const report = async (now: string) => {
    if (refuse) throw new Error("no server")
    told.push(now)
  }
  const made = new VtepWatch({
    kernel: { hostFacts: facts },
    advertise,
    address,
    clock,
    log: silentLog,
    onRenumbered: () => {},
    report,
  })
  made.look()
  return made
}

const without = (device: string) => addresses.filter((each) => each.device !== device)
const settle = async (ms: number) => {
  clock.advance(ms)
  await Bun.sleep(0)
}

describe("this node's address", () => {
  test("that is there is nothing to speak of", async () => {
    const one = watch(null)
    await settle(10_000)
    expect([one.problems(), told, clock.timers]).toEqual([[], [], 0])
  })

  test("that is not there yet is waited for, and no other is taken for it (pain 8)", async () => {
    addresses = without("eth0")
    for (const advertise of [null, "192.168.1.51"]) {
      const one = watch(advertise)
      await settle(10 * VTEP_RETRY_MS)
      expect(one.problems()).toMatchObject([{ code: "vtep_missing", level: "error" }])
      const before = addresses
      addresses = [...addresses, { device: "eth0", address: "192.168.1.51/24" }]
      await settle(VTEP_RETRY_MS)
      expect([one.problems(), told]).toEqual([[], []])
      addresses = before
      one.close()
    }
  })

  test.each([null, "192.168.1.51"])(
    "that is replaced on its device is followed (asked for: %p) (pain 12)",
    async (advertise) => {
      const one = watch(advertise)
      addresses = [...without("eth0"), { device: "eth0", address: "fe80::1/64" }]
      one.look()
      expect(one.problems()).toMatchObject([{ code: "vtep_missing" }])
      addresses = [...addresses, { device: "eth0", address: "192.168.1.61/24" }]
      one.look()
      await settle(VTEP_SETTLE_MS)
      expect([one.problems(), told]).toEqual([[], ["192.168.1.61"]])
    },
  )

  test("that is gone for a moment only is kept", async () => {
    const one = watch(null)
    const before = addresses
    addresses = [...without("eth0"), { device: "eth0", address: "192.168.1.99/24" }]
    one.look()
    addresses = before
    await settle(VTEP_SETTLE_MS)
    expect([one.problems(), told]).toEqual([[], []])
  })

  test("whose device is gone: the default route's takes its place", async () => {
    const one = watch(null)
    addresses = [...without("eth0"), { device: "eth1", address: "10.0.0.7/24" }]
    one.look()
    await settle(VTEP_SETTLE_MS)
    expect(told).toEqual([])
    routes = [{ dst: "default", via: "10.0.0.1", device: "eth1" }]
    await settle(VTEP_RETRY_MS)
    expect(told).toEqual(["10.0.0.7"])
  })

  test("that was asked for and comes late is taken when it is there", async () => {
    const one = watch("192.168.1.71", "192.168.1.51")
    expect(one.problems()).toEqual([])
    addresses = [...addresses, { device: "eth0", address: "192.168.1.71/24" }]
    one.look()
    await settle(0)
    expect(told).toEqual(["192.168.1.71"])
  })

  test("the cluster is told until it has heard", async () => {
    const one = watch("192.168.1.71", "192.168.1.51")
    addresses = [...addresses, { device: "eth0", address: "192.168.1.71/24" }]
    refuse = true
    one.look()
    await Bun.sleep(1)
    await settle(VTEP_RETRY_MS)
    await Bun.sleep(1)
    refuse = false
    await settle(VTEP_RETRY_MS)
    await Bun.sleep(1)
    expect(told).toEqual(["192.168.1.71"])
    await settle(10 * VTEP_RETRY_MS)
    expect(told).toEqual(["192.168.1.71"])
  })
})
