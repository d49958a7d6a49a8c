/** The catalog as a server has it now, read once: for what a client does not follow and is asked about all the same. */
import type { Clock } from "../base/clock.ts"
import type { OvlError } from "../base/errors.ts"
import { SERVER_CALL_BUDGET_MS } from "../base/limits.ts"
import { Catalog, type ChangeBatch } from "../model/catalog.ts"
import type { Cluster, Follower } from "../registry/port.ts"

export interface ReadCatalogOptions {
  cluster: Pick<Cluster, "follow">
  clock: Clock
  /** The networks whose endpoints are wanted; null: all. */
  networkIds: readonly string[] | null
  /** What is made of the answer before it is shown. */
  adjust: (batch: ChangeBatch) => ChangeBatch
  /** The error after SERVER_CALL_BUDGET_MS. */
  late: () => OvlError
}

/** A stream of which only the first batch is taken. Rejects with what the stream ends with, and with `late`. */
export function readCatalog({ cluster, clock, networkIds, adjust, late }: ReadCatalogOptions): Promise<Catalog> {
  const interest = networkIds === null ? undefined : { networks: [...networkIds], fresh: [...networkIds] }
  return new Promise((resolve, reject) => {
    const stream: { follower?: Follower; over: boolean } = { over: false }
    const end = () => {
      stream.over = true
      cancel()
      stream.follower?.close()
    }
    const fail = (error: OvlError) => {
      end()
      reject(error)
    }
    const cancel = clock.after(SERVER_CALL_BUDGET_MS, () => fail(late()))
    const take = (batch: ChangeBatch) => {
      if (stream.over) return
      end()
      const catalog = new Catalog()
      catalog.apply(adjust(batch))
      resolve(catalog)
    }
    stream.follower = cluster.follow(0, take, fail, interest)
    // A server's own stream begins before it is given.
    if (stream.over) stream.follower.close()
  })
}
