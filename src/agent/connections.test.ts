import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { catalogOf, endpointRecord, NODE_1, networkRecord, nodeRecord, RED } from "../overlay/fixture.ts"
import { Connections } from "./connections.ts"

test("a workload's networks are looked at also where its egress could not be passed on", async () => {
  const red = networkRecord(RED, 256)
  const own = endpointRecord(1, RED, NODE_1, "10.65.10.2/24")
  const told: string[] = []
  const connections = new Connections({
    catalog: catalogOf({ nodes: [nodeRecord(NODE_1, "192.168.1.51")], networks: [red], endpoints: [own] }),
    nodeId: NODE_1,
    nodeName: (id) => id,
    endpoints: {
      resolveNetworks: () => [red],
      attachTo: () => Promise.reject(new Error("not asked for")),
      give: () => Promise.reject(new OvlError("no_server", "no server answers", { kind: "unavailable" })),
    },
    workloads: { place: () => null, networksChanged: (workload) => void told.push(workload) },
  })
  const outcome = await connections.disconnect(red.name, own.workload).catch((error: OvlError) => error.code)
  expect(outcome).toBe("no_server")
  expect(told).toEqual([own.workload])
})
