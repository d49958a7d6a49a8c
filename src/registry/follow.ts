/**
 * The catalog's changes out of the store's: what every node follows. Records of networks, endpoints and nodes and the
 * signs of life are passed on; everything else below `ovl/` - the authority's key, tokens, indexes - never leaves here.
 */
import type { OvlError } from "../base/errors.ts"
import type { Change, ChangeBatch } from "../model/catalog.ts"
import type { Entry, Store, Watch, WatchBatch } from "../store/port.ts"
import { decode, entriesBelow } from "./codec.ts"
import { ALIVE_PREFIX, ENDPOINTS_PREFIX, idOf, NETWORKS_PREFIX, NODES_PREFIX, OVL_PREFIX } from "./keys.ts"
import type { Follower } from "./port.ts"

const CATALOG_PREFIXES = [NETWORKS_PREFIX, NODES_PREFIX, ALIVE_PREFIX, ENDPOINTS_PREFIX]

/** One store's stream of changes, for any number of followers: each revision is decoded once for all of them. */
export class Feed {
  readonly #store: Store
  #decoded: ChangeBatch | null = null

  constructor(store: Store) {
    this.#store = store
  }

  /** As Cluster.follow. The first batch comes before this returns. */
  follow(fromRevision: number, onBatch: (batch: ChangeBatch) => void, onEnd: (error: OvlError) => void): Follower {
    let closed = false
    let watch: Watch | null = null
    const begin = (batch: ChangeBatch) => {
      onBatch(batch)
      if (closed) return
      watch = this.#store.watch(
        OVL_PREFIX,
        batch.revision,
        (raw) => {
          if (!closed) onBatch(this.#decode(raw))
        },
        (error) => {
          if (closed) return
          if (error.code === "compacted") begin(snapshot(this.#store))
          else onEnd(error)
        },
      )
      if (closed) watch.close()
    }
    const known = fromRevision > 0 && fromRevision <= this.#store.revision
    begin(known ? { revision: fromRevision, snapshot: false, changes: [] } : snapshot(this.#store))
    return {
      close: () => {
        closed = true
        watch?.close()
      },
    }
  }

  #decode(raw: WatchBatch): ChangeBatch {
    if (this.#decoded?.revision !== raw.revision) {
      const changes = raw.events.map(({ key, entry }) => changeOf(key, entry)).filter((change) => change !== null)
      this.#decoded = { revision: raw.revision, snapshot: false, changes }
    }
    return this.#decoded
  }
}

/** The whole catalog. Reads of one turn of the event loop see one revision; nodes come before what lives on them. */
function snapshot(store: Store): ChangeBatch {
  const { revision } = store
  const changes: Change[] = []
  for (const prefix of CATALOG_PREFIXES) {
    for (const entry of entriesBelow(store, prefix)) {
      const change = changeOf(entry.key, entry)
      if (change) changes.push(change)
    }
  }
  return { revision, snapshot: true, changes }
}

/** What a change of a key means to the catalog; null: nothing. */
function changeOf(key: string, entry: Entry | null): Change | null {
  const prefix = CATALOG_PREFIXES.find((candidate) => key.startsWith(candidate))
  if (prefix === undefined) return null
  const id = idOf(key, prefix)
  if (prefix === NETWORKS_PREFIX) return { type: "network", id, value: entry && decode(entry) }
  if (prefix === ENDPOINTS_PREFIX) return { type: "endpoint", id, value: entry && decode(entry) }
  if (prefix === NODES_PREFIX) return { type: "node", id, value: entry && decode(entry) }
  return { type: "alive", id, value: entry && true }
}
