/** The cluster's contract, on the store that servers really have: on a disk. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { silentLog } from "../../src/base/log.ts"
import { openLoneStore } from "../../src/store/embedded.ts"
import { clusterContract } from "./cluster.ts"
import { endpointSpec, localHarness, PassingClock, networkSpec, newCluster, SERVER_ID } from "./cluster-harness.ts"

const root = mkdtempSync(join(tmpdir(), "ovl-cluster-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const newDir = () => mkdtempSync(join(root, "data-"))

clusterContract("on a store on disk", () => {
  return localHarness((clock) => openLoneStore({ dir: newDir(), clock, log: silentLog }))
})

test("a cluster is resumed as it was, and no second one is made over it", async () => {
  const dir = newDir()
  const clock = new PassingClock()
  const first = await openLoneStore({ dir, clock, log: silentLog })
  const before = await newCluster(first, clock)
  const { network } = await before.createNetwork(networkSpec("red"))
  await before.createEndpoints([endpointSpec(network.id, SERVER_ID, "web")])
  before.close()
  await first.close()
  const second = await openLoneStore({ dir, clock, log: silentLog })
  const after = await newCluster(second, clock)
  expect(after.record).toEqual(before.record)
  const { endpoints } = await after.createEndpoints([endpointSpec(network.id, SERVER_ID, "db")])
  expect(endpoints[0]?.ip).toBe("10.65.10.3/24")
  expect((await after.createNetwork(networkSpec("green"))).network.vni).toBe(257)
  after.close()
  await second.close()
})
