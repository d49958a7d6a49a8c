/** A thousand workloads on one node. */
import type { Client } from "../../../src/client/client.ts"

export const ENDPOINTS = 1_000
export const NETWORKS = 20

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
