/** A thousand workloads on one node, and what its daemon spends on them. */
import { readFileSync } from "node:fs"
import type { Client } from "../../../src/client/client.ts"
import type { TestNode } from "../../../test/support/cluster.ts"

export const ENDPOINTS = 1_000
export const NETWORKS = 20
/** USER_HZ of every Linux that Bun runs on (sysconf(3)). */
const MS_PER_TICK = 10

export function networkOf(place: number): string {
  return `net${place % NETWORKS}`
}

export async function makeNetworks(client: Client): Promise<void> {
  for (let n = 0; n < NETWORKS; n++)
    await client.createNetwork({ name: networkOf(n), subnets: [{ subnet: `10.${100 + n}.0.0/16` }] })
}

export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`)
}

/** Does `work` for each, so many at a time. */
export async function atATime<T>(
  width: number,
  items: readonly T[],
  work: (item: T, place: number) => Promise<unknown>,
) {
  let next = 0
  const worker = async () => {
    for (let place = next++; place < items.length; place = next++) await work(items[place]!, place)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** Processor time of a daemon since its start, all threads, in ms (proc_pid_stat(5)). */
export function processorMs(node: TestNode): number {
  const stat = readFileSync(`/proc/${node.daemon!.pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}
