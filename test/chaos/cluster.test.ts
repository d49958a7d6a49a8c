/**
 * The short form of `make chaos`: real processes, killed, stopped and cut off while clients ask them. etcd first, which is
 * known to be right: where that fails, the harness is wrong.
 */
import { expect, test } from "bun:test"
import { EtcdCluster } from "../../scripts/chaos/etcd-cluster.ts"
import { OvlCluster } from "../../scripts/chaos/ovl-cluster.ts"
import { FAULTS, type FaultKind, planFaults } from "../../scripts/chaos/plan.ts"
import { keepFailure } from "../../scripts/chaos/results.ts"
import { runChaos } from "../../scripts/chaos/run.ts"
import { Seeded } from "../../scripts/chaos/seeded.ts"
import { StreamWatch } from "../../scripts/chaos/streams.ts"
import type { Topology } from "../../scripts/chaos/topology.ts"
import { describeAsRoot } from "../support/netns.ts"

const MEMBERS = 3
const CLIENTS = 12
const TIMEOUT_MS = 120_000

interface Short {
  seed: number
  faultsMs: number
  kinds: readonly FaultKind[]
}

/** Throws with what was violated, and where the history and the logs are. */
async function torment(
  topology: Topology,
  streams: StreamWatch | null,
  { seed, faultsMs, kinds }: Short,
): Promise<void> {
  const rounds = planFaults(new Seeded(seed).fork("plan"), MEMBERS, faultsMs, kinds)
  const said: string[] = []
  const say = (line: string) => void said.push(line)
  const consul = topology.dialect.name === "consul"
  const result = await runChaos({ topology, seed, rounds, clients: CLIENTS, consul, streams, say })
  expect(result.recorder.counts.ok).toBeGreaterThan(100)
  if (result.violations.length === 0) return
  const kept = keepFailure(null, { seed, result, logs: topology.logs(), plan: said })
  throw new Error(`${result.violations.join("\n")}\n${said.join("\n")}\nhistory and logs: ${kept}`)
}

describeAsRoot("three members", () => {
  test(
    "of etcd pass, as they must",
    async () => {
      const cluster = await EtcdCluster.start(MEMBERS)
      try {
        await torment(cluster, null, { seed: 4, faultsMs: 5_000, kinds: ["kill", "pause", "cut", "split"] })
      } finally {
        await cluster.close()
      }
    },
    TIMEOUT_MS,
  )

  test(
    "of ovl, and a client, keep their promises",
    async () => {
      const cluster = await OvlCluster.start({ servers: MEMBERS, clients: 1 })
      const seed = 26
      try {
        await torment(cluster, new StreamWatch(cluster, new Seeded(seed)), { seed, faultsMs: 12_000, kinds: FAULTS })
      } finally {
        await cluster.close()
      }
    },
    TIMEOUT_MS,
  )
})
