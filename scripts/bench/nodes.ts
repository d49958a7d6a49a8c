/** Nodes for benchmarks: a throw-away cluster for the time of one, and ways to a node that cost nothing to take. */
import { readFileSync } from "node:fs"
import { type ClusterOptions, TestCluster, type TestNode } from "../../test/support/cluster.ts"
import { type Client, createClient } from "../../src/client/client.ts"

/** USER_HZ of every Linux that Bun runs on (sysconf(3)). */
const MS_PER_TICK = 10

/** Runs `use` on a cluster that is taken down in any case. */
export async function withCluster<T>(options: ClusterOptions, use: (cluster: TestCluster) => Promise<T>): Promise<T> {
  const cluster = await TestCluster.start(options)
  try {
    return await use(cluster)
  } finally {
    await cluster.close()
  }
}

/** Straight to the daemon's socket, from outside of its machine. */
export function clientOf(node: TestNode): Client {
  return createClient({ socket: node.machine.file("/run/ovl/ovl.sock") })
}

/** The network namespace of a workload that ovl made, as seen from here. */
export function workloadNamespace(node: TestNode, name: string): string {
  return node.machine.file(`/run/netns/ovl-${name}`)
}

/** Processor time of a daemon since its start, all threads, in ms (proc_pid_stat(5)). */
export function processorMs(node: TestNode): number {
  const stat = readFileSync(`/proc/${node.daemon!.pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}
