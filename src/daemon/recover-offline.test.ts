/** On a real store: a server whose only fellow voter never came is alone, cannot decide, and is brought back. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Identity, loadIdentity, saveIdentity } from "../agent/identity.ts"
import { silentLog } from "../base/log.ts"
import { systemClock, systemRandom } from "../linux/system.ts"
import type { NodeRecord } from "../model/node.ts"
import { createClusterIfNew } from "../registry/bootstrap.ts"
import { put } from "../registry/codec.ts"
import { nodeKey } from "../registry/keys.ts"
import { openEmbeddedStore } from "../store/embedded.ts"
import { recoverOffline } from "./recover-offline.ts"

const SELF = "a".repeat(64)
const LOST = "b".repeat(64)
const where = { clock: systemClock, random: systemRandom, log: silentLog }

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), `ovl-recover-${process.pid}-`))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

function open(joined: boolean) {
  return openEmbeddedStore({ ...where, dir: dataDir, self: SELF, joined })
}

/** Two voters, of which the other never answers: nothing can be decided any more. */
async function loseQuorum(): Promise<void> {
  const { store, replication } = await open(false)
  const self = { id: SELF, name: "s1", address: "192.168.1.51", peerAddress: "192.168.1.51:8300" }
  const facts = { version: "1", underlayMtu: 1500, bootId: "b" }
  await createClusterIfNew(store, { ...where, kvPrefix: "ovl", self: { ...self, ...facts } })
  const other: NodeRecord = {
    ...facts,
    id: LOST,
    name: "s2",
    address: "192.168.1.52",
    peerAddress: "192.168.1.52:8300",
    role: "server",
    voter: true,
    state: "member",
    joined: "2026-01-01T00:00:00Z",
  }
  await store.transact({
    operations: [put(nodeKey(LOST), other), { op: "put", key: "kv/a", value: new Uint8Array([7]) }],
  })
  await replication.addLearner(LOST)
  await replication.promote(LOST)
  await store.close()
  const identity: Identity = {
    format: 1,
    nodeId: SELF,
    name: "s1",
    role: "server",
    clusterId: "c",
    recoveryEpoch: 0,
    kvPrefix: "ovl",
    address: "192.168.1.51",
    servers: [],
    certPem: "",
    keyPem: "",
    caPem: "",
  }
  saveIdentity(dataDir, identity)
}

test("a store whose majority is lost is looked at, then goes on with all that it has", async () => {
  await loseQuorum()
  const preview = await recoverOffline({ dataDir, confirm: false })
  expect(preview).toMatchObject({ node: "s1", removed: ["s2"], recoveryEpoch: 0, recovered: false })
  expect(preview.lastIndex).toBeGreaterThan(2)
  expect(loadIdentity(dataDir)?.recoveryEpoch).toBe(0)

  expect(await recoverOffline({ dataDir, confirm: true })).toMatchObject({ removed: ["s2"], recovered: true })
  expect(loadIdentity(dataDir)?.recoveryEpoch).toBe(1)

  const { store, replication } = await open(true)
  const { role, members, term } = replication.status()
  expect([role, members.map(({ nodeId, voter }) => `${nodeId[0]} ${voter}`)]).toEqual(["leader", ["a true"]])
  expect(term).toBeGreaterThan(preview.lastTerm)
  expect(store.get("kv/a")?.value).toEqual(new Uint8Array([7]))
  expect(store.get(nodeKey(LOST))).toBe(undefined)
  await store.transact({ operations: [{ op: "put", key: "kv/b", value: new Uint8Array([8]) }] })
  await store.close()
})

test("what is no server's data directory is left alone", async () => {
  await expect(recoverOffline({ dataDir, confirm: true })).rejects.toMatchObject({ code: "data_missing" })
})
