import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Identity, loadIdentity, saveIdentity } from "../agent/identity.ts"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import { createClusterIfNew } from "../registry/bootstrap.ts"
import { type LocalCluster, openCluster } from "../registry/cluster-on-store.ts"
import { FakeReplication } from "../registry/replication-fake.ts"
import { openMemoryStore } from "../store/memory.ts"
import { finishRecovery, recoverAlone } from "./recover.ts"
import { retireStore } from "./retire.ts"

const SELF = "a".repeat(64)

let dataDir: string
let cluster: LocalCluster
let replication: FakeReplication
let identity: Identity
let told: number[]

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), `ovl-recover-${process.pid}-`))
  const where = { clock: systemClock, random: systemRandom }
  const store = openMemoryStore({ clock: systemClock })
  const self = { id: SELF, name: "s1", address: "192.168.1.51", peerAddress: "192.168.1.51:8300" }
  const facts = { version: "1", underlayMtu: 1500, bootId: "b" }
  await createClusterIfNew(store, { ...where, kvPrefix: "ovl", self: { ...self, ...facts } })
  replication = new FakeReplication(SELF)
  cluster = openCluster({ store, replication, ...where, log: silentLog, self: SELF })
  const pem = { certPem: "", keyPem: "", caPem: "" }
  const known = { nodeId: SELF, name: "s1", role: "server", address: self.address, servers: [] } as const
  identity = { format: 1, ...known, servers: [], clusterId: "c", recoveryEpoch: 0, kvPrefix: "ovl", ...pem }
  saveIdentity(dataDir, identity)
  told = []
  replication.members.set("b".repeat(64), {
    voter: true,
    progress: { match: 0, lag: 0, state: "probe", lastContactMs: null },
  })
})
afterEach(() => {
  cluster.close()
  rmSync(dataDir, { recursive: true })
})

const recover = () => recoverAlone({ identity, dataDir, cluster, replication, onEpoch: (to) => void told.push(to) })
const epochs = () => [loadIdentity(dataDir)?.recoveryEpoch, cluster.recoveryPreview().recoveryEpoch]

test("the node's epoch and the cluster's go up together, and it is the only member", async () => {
  replication.leader = null
  expect(await recover()).toMatchObject({ recovered: true, recoveryEpoch: 0 })
  expect([epochs(), told, [...replication.members.keys()]]).toEqual([[1, 1], [1], [SELF]])
})

test("nothing is done while a leader is known", async () => {
  await expect(recover()).rejects.toMatchObject({ code: "quorum_not_lost", kind: "conflict" })
  expect([epochs(), told, replication.asked]).toEqual([[0, 0], [], []])
})

test("where the store refuses, the node's epoch is what it was", async () => {
  replication.leader = null
  replication.recoverAlone = () => Promise.reject(new OvlError("store_failed", "cannot write: no"))
  await expect(recover()).rejects.toMatchObject({ code: "store_failed" })
  expect([epochs(), told]).toEqual([
    [0, 0],
    [1, 0],
  ])
})

test("one that was cut off is finished by the next start, or by asking again", async () => {
  identity.recoveryEpoch = 1
  saveIdentity(dataDir, identity)
  // Others are members still: it has not come that far, and nothing may be settled.
  await finishRecovery({ identity, cluster, replication })
  expect(epochs()).toEqual([1, 0])
  replication.members.delete("b".repeat(64))
  await finishRecovery({ identity, cluster, replication })
  expect(epochs()).toEqual([1, 1])
})

test("the store of a server that has left is kept under a name that nobody takes up", () => {
  for (let n = 0; n < 2; n++) {
    mkdirSync(join(dataDir, "store"))
    retireStore(dataDir)
    expect(readdirSync(dataDir).sort()).toEqual(["node.json", "store.left"])
  }
  retireStore(dataDir)
  expect(readdirSync(dataDir).sort()).toEqual(["node.json", "store.left"])
})
