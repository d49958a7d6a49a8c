/**
 * A store to be measured: one ovl server on a throw-away machine that it is spoken to on by loopback, and where it is
 * asked for, etcd beside it with its data on the same disk.
 */
import { statfsSync } from "node:fs"
import { loadavg } from "node:os"
import { join, resolve } from "node:path"
import type { TestNode } from "../../../test/support/cluster.ts"
import { until } from "../../../test/support/machine.ts"
import type { Context, Row } from "../benchmark.ts"
import { withCluster } from "../nodes.ts"

export const OVL_PORT = 8500
export const ETCD_PORT = 2379
const ETCD_PEER_PORT = 2380
const ETCD_READY_MS = 15_000
const PROGRAM_TIMEOUT_MS = 120_000
/** statfs(2). */
const TMPFS_MAGIC = 0x01021994

export interface Measured {
  node: TestNode
  /** On the disk that all of them write to. */
  scratch: string
}

/** Runs `use` on a store of its own, and tells what else the machine was doing, in words and in every row's figures. */
export async function withStore(
  context: Context,
  options: { etcd: boolean },
  use: (measured: Measured) => Promise<Row[]>,
): Promise<Row[]> {
  const [load = 0] = loadavg()
  context.say(`bench:   load average ${load.toFixed(2)} before it`)
  const rows = await withCluster({ nodes: ["ovl"] }, async (cluster) => {
    if (statfsSync(cluster.scratch).type === TMPFS_MAGIC)
      throw new Error(`${cluster.scratch} is memory and no disk: set TMPDIR to a directory on a disk`)
    const measured = { node: cluster.node("ovl"), scratch: cluster.scratch }
    if (options.etcd) await startEtcd(measured)
    return use(measured)
  })
  return rows.map((row) => ({ ...row, figures: { ...row.figures, loadAverageBefore: load } }))
}

/** As Debian ships it, both APIs on; every write is on disk before it is acknowledged, as is its default. */
async function startEtcd({ node: { machine }, scratch }: Measured): Promise<void> {
  const client = `http://127.0.0.1:${ETCD_PORT}`
  const peer = `http://127.0.0.1:${ETCD_PEER_PORT}`
  const etcd = machine.start([
    ...["etcd", "--name", "etcd", "--data-dir", join(scratch, "etcd"), "--enable-v2", "--log-level", "error"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `etcd=${peer}`],
  ])
  const healthy = () => {
    if (!etcd.running) throw new Error(`etcd ended: ${etcd.stderr.trim()}`)
    return machine.try(["curl", "-sf", `${client}/health`]).stdout.includes("true")
  }
  await until(healthy, "etcd is healthy", ETCD_READY_MS)
}

/** Runs one of `programs/` on the machine, and gives what it printed, as JSON. */
export function runProgram<T>(measured: Measured, name: string, ...args: (string | number)[]): Promise<T> {
  return runProgramWithin(PROGRAM_TIMEOUT_MS, measured, name, ...args)
}

/** As `runProgram`, for one that may take another time than most. */
export async function runProgramWithin<T>(
  timeoutMs: number,
  { node }: Measured,
  name: string,
  ...args: (string | number)[]
): Promise<T> {
  const path = resolve(import.meta.dir, "programs", `${name}.ts`)
  const program = node.machine.start([process.execPath, path, ...args.map(String)])
  const watchdog = setTimeout(() => program.signal("SIGKILL"), timeoutMs)
  const { status, stdout, stderr } = await program.ended
  clearTimeout(watchdog)
  if (status !== 0) throw new Error(`${name}: status ${status}: ${stderr.trim()}`)
  return JSON.parse(stdout) as T
}

/** Ours, asked for a value to see that it is really there. */
export function readBack({ node }: Measured, key: string): string {
  return node.machine.run(["curl", "-sf", `http://127.0.0.1:${OVL_PORT}/v1/kv/${key}?raw`])
}
