import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { FakeKernel } from "../kernel/fake.ts"
import { type EgressState, HOST_NAMESPACE } from "../model/dataplane.ts"
import { egressGuard } from "../overlay/desired.ts"
import { catalogOf } from "../overlay/fixture.ts"
import { DataPlaneGuards } from "./dataplane-guards.ts"
import { Repairs } from "./dataplane-repairs.ts"

test("a guard that cannot be taken out is a problem, ends no look at everything, and is tried again", () => {
  const kernel = new FakeKernel({ facts: { routes: [] } })
  const repairs = new Repairs({ kernel, log: silentLog, onRepair: () => {} })
  const catalog = catalogOf({ nodes: [], networks: [], endpoints: [] })
  const guards = new DataPlaneGuards({ kernel, catalog, repairs, clock: new ManualClock() })
  const bridge = { address: "172.18.0.1/16", mtu: 1500, mac: "02:00:00:00:00:01", loopback: false, forwarding: [] }
  const egress: EgressState = { ...bridge, ports: new Map(), ipv6: null }
  const stands = () => kernel.guardMatches(HOST_NAMESPACE, egressGuard(egress))
  guards.egress(egress)
  expect(stands()).toBe(true)
  const { applyGuard } = kernel
  kernel.applyGuard = () => {
    throw new Error("no memory")
  }
  guards.egress(null)
  expect(repairs.problems).toHaveLength(1)
  expect(stands()).toBe(true)
  kernel.applyGuard = applyGuard
  guards.egress(null)
  expect(repairs.problems).toEqual([])
  expect(stands()).toBe(false)
})
