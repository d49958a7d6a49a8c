/** What an attach costs the node, counted: what is asked of the kernel and written to it does not grow with the network. */
import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { ManualClock } from "../base/manual-clock.ts"
import { FakeKernel } from "../kernel/fake.ts"
import type { Kernel } from "../kernel/port.ts"
import { renderPlan } from "../model/operation.ts"
import {
  catalogOf,
  endpointRecord,
  manyEndpoints,
  NODE_1,
  NODE_2,
  networkRecord,
  nodeRecord,
  RED,
} from "../overlay/fixture.ts"
import { DataPlane } from "./dataplane.ts"

/** Every call to the kernel is a line in `calls`. */
function counted(kernel: Kernel, calls: string[]): Kernel {
  return new Proxy(kernel, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== "function") return member
      return (...given: unknown[]): unknown => {
        calls.push(String(name))
        return Reflect.apply(member, target, given)
      }
    },
  })
}

/** The calls and the operations of one more endpoint, beside so many on each of the two nodes. */
function attachBeside(local: number, remote: number) {
  const fake = new FakeKernel({ facts: { routes: [] } })
  const calls: string[] = []
  const here = manyEndpoints(local, RED, NODE_1, "10.65.1.0").map((each) => ({
    ...each,
    netns: `/run/netns/${each.name}`,
  }))
  const there = manyEndpoints(remote, RED, NODE_2, "10.65.64.0").map((each) => ({
    ...each,
    id: `f${each.id.slice(1)}`,
  }))
  for (const { netns } of here) fake.world.addNamespace(netns)
  const parts = {
    nodes: [nodeRecord(NODE_1, "192.168.1.51"), nodeRecord(NODE_2, "192.168.1.52")],
    networks: [networkRecord(RED, 256, { subnets: [{ subnet: "10.65.0.0/16", gateway: "10.65.0.1" }] })],
  }
  const one = endpointRecord(1, RED, NODE_1, "10.65.0.2/16", { netns: "/run/netns/w1" })
  fake.world.addNamespace("/run/netns/w1")
  const catalog = catalogOf({ ...parts, endpoints: [...here, ...there] })
  const dataplane = new DataPlane({
    kernel: counted(fake, calls),
    catalog,
    nodeId: NODE_1,
    clock: new ManualClock(),
    log: silentLog,
    onRepair: () => {},
    onReconciled: () => {},
    onRenamed: () => {},
    onAttached: () => {},
  })
  dataplane.reconcile()
  catalog.amend([{ type: "endpoint", id: one.id, value: one }])
  fake.performed.length = 0
  calls.length = 0
  dataplane.attach([one])
  const operations = renderPlan(fake.performed)
  dataplane.close()
  return { calls, operations }
}

test("an attach asks and writes the same in a network of ten and of five thousand (pain 24)", () => {
  const few = attachBeside(5, 5)
  expect(few.operations).toContain("veth")
  // To look at all of a network takes as long as the network is large.
  expect(few.calls.filter((call) => call.startsWith("observe"))).toEqual([])
  expect(attachBeside(5, 5_000)).toEqual(few)
  expect(attachBeside(500, 5)).toEqual(few)
})
