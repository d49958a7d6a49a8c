/**
 * Words: a node's data directory, how many, a network's id. Follows that network so many times over, each on a connection
 * of its own to one of the servers in turn. Prints `following` when all do, and then for each endpoint that is made in it
 * the workload's name, how many were told of it, and when the last was: in ms since 1970.
 */
import { loadIdentity } from "../../../../src/agent/identity.ts"
import { raiseOpenFiles } from "../../../../src/linux/limits.ts"
import { systemClock } from "../../../../src/linux/system.ts"
import type { ChangeBatch } from "../../../../src/model/catalog.ts"
import { remoteCluster } from "../../../../src/registry/rpc-remote.ts"
import { connectTls } from "../../../../src/transport/tls.ts"

const OPENED_AT_ONCE = 8

const [dataDir = "", wanted = "", network = ""] = process.argv.slice(2)
const identity = loadIdentity(dataDir)
if (identity === null) throw new Error(`${dataDir}: no identity`)
const { clusterId, recoveryEpoch, certPem, keyPem, caPem, servers } = identity
const count = Number(wanted)
const told = new Map<string, number>()
raiseOpenFiles()

function take(batch: ChangeBatch): void {
  if (batch.snapshot) return
  for (const change of batch.changes) {
    if (change.type !== "endpoint" || change.value === null) continue
    const { workload } = change.value
    const heard = (told.get(workload) ?? 0) + 1
    told.set(workload, heard)
    if (heard === count) process.stdout.write(`${workload} ${heard} ${performance.timeOrigin + performance.now()}\n`)
  }
}

/** Resolves with the first batch. */
async function follow(number: number): Promise<void> {
  const connection = await connectTls({
    address: servers[number % servers.length]!,
    expect: { clusterId, recoveryEpoch },
    credentials: { cert: certPem, key: keyPem, ca: caPem },
  })
  await new Promise<void>((resolve) => {
    const cluster = remoteCluster({ connection: () => connection, clock: systemClock })
    const onBatch = (batch: ChangeBatch) => {
      take(batch)
      resolve()
    }
    const onEnd = (error: Error) => {
      process.stderr.write(`follower ${number}: ${error.message}\n`)
      process.exit(1)
    }
    cluster.follow(0, onBatch, onEnd, { networks: [network], fresh: [network] })
  })
}

for (let first = 0; first < count; first += OPENED_AT_ONCE) {
  const numbers = Array.from({ length: Math.min(OPENED_AT_ONCE, count - first) }, (_, offset) => first + offset)
  await Promise.all(numbers.map(follow))
}
process.stdout.write("following\n")
