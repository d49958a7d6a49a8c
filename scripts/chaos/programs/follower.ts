/**
 * Words: a node's data directory. Follows the cluster's changes as that node, over real connections to its servers, one
 * after another when one breaks, from the last revision on. Prints each batch as a line, with the networks in it.
 */
import { loadIdentity } from "../../../src/agent/identity.ts"
import { systemClock } from "../../../src/linux/system.ts"
import type { ChangeBatch } from "../../../src/model/catalog.ts"
import { remoteCluster } from "../../../src/registry/rpc-remote.ts"
import { connectTls } from "../../../src/transport/tls.ts"
import type { FollowedBatch } from "../streams.ts"

const RETRY_MS = 50
const CONNECT_TIMEOUT_MS = 1_000

const [dataDir = "", first = "0"] = process.argv.slice(2)
const identity = loadIdentity(dataDir)
if (identity === null) throw new Error(`${dataDir}: no identity`)
const { clusterId, recoveryEpoch, certPem, keyPem, caPem, servers } = identity
let turn = Number(first)
let revision = 0

function print(batch: ChangeBatch): void {
  revision = batch.revision
  const networks = batch.changes.filter((change) => change.type === "network")
  const told: FollowedBatch = {
    revision,
    snapshot: batch.snapshot,
    networks: networks.map(({ id, value }) => ({ id, name: value?.name ?? null })),
  }
  process.stdout.write(`${JSON.stringify(told)}\n`)
}

/** Resolves when the stream has ended. */
async function follow(): Promise<void> {
  const connection = await connectTls({
    address: servers[turn++ % servers.length]!,
    expect: { clusterId, recoveryEpoch },
    credentials: { cert: certPem, key: keyPem, ca: caPem },
    timeoutMs: CONNECT_TIMEOUT_MS,
  })
  await new Promise<void>((resolve) => {
    const cluster = remoteCluster({ connection: () => connection, clock: systemClock })
    cluster.follow(revision, print, () => resolve())
  })
  connection.close()
}

for (;;) {
  await follow().catch((error: Error) => process.stderr.write(`${error.message}\n`))
  await Bun.sleep(RETRY_MS)
}
