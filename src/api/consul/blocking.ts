/**
 * Blocking queries: a read that waits until its index has passed the one that the caller knows, or until its wait is over
 * (CONSUL-API section 2.2).
 */
import { KV_WAIT_MAX_MS } from "../../base/limits.ts"
import type { Store, Watch, WatchBatch } from "../../store/port.ts"
import type { ReadOptions } from "./read-options.ts"

/** Up to this part of the wait is added, so that waiters who came together do not all come back together. */
const JITTER_PART = 16

export interface Watched {
  store: Store
  /** Store keys whose change may matter. */
  prefix: string
  /** Only this very key matters, not what lies below it. */
  exact: boolean
  signal: AbortSignal
}

/**
 * Resolves at once where the present index is above the caller's, else at the first change that matters (it is later than
 * anything the caller can know), or after the wait. A caller whose index is ahead of the store - of another cluster, or
 * from before a restore - is not left waiting and so starts afresh.
 */
export function untilChanged(
  { store, prefix, exact, signal }: Watched,
  options: ReadOptions,
  index: () => number,
): Promise<void> | undefined {
  const known = options.index
  if (known === 0n || signal.aborted || BigInt(index()) > known || known > BigInt(store.revision)) return
  return new Promise<void>((resolve) => {
    let watch: Watch | null = null
    let done = false
    const finish = () => {
      done = true
      watch?.close()
      clearTimeout(timer)
      signal.removeEventListener("abort", finish)
      resolve()
    }
    const onBatch = (batch: WatchBatch) => {
      if (!exact || batch.events.some((event) => event.key === prefix)) finish()
    }
    const waitMs = Math.min(options.waitMs * (1 + Math.random() / JITTER_PART), KV_WAIT_MAX_MS)
    const timer = setTimeout(finish, waitMs)
    signal.addEventListener("abort", finish)
    watch = store.watch(prefix, store.revision, onBatch, finish)
    // It may have had something to say before it was returned.
    if (done) watch.close()
  })
}
