/**
 * The catalog's changes out of the store's: what every node follows. Records of networks, endpoints and nodes and the
 * signs of life are passed on; everything else below `ovl/` - the authority's key, tokens, indexes - never leaves here.
 */
import { asOvlError, type OvlError } from "../base/errors.ts"
import { FOLLOW_SNAPSHOTS_MAX } from "../base/limits.ts"
import { Catalog, type Change, type ChangeBatch } from "../model/catalog.ts"
import type { Entry, Store, Watch, WatchBatch } from "../store/port.ts"
import { decode, entriesBelow } from "./codec.ts"
import { endpointsOf, Following, PlacedBatch, snapshotNetworks, snapshotOf } from "./interest.ts"
import { ALIVE_PREFIX, ENDPOINTS_PREFIX, idOf, NETWORKS_PREFIX, NODES_PREFIX, OVL_PREFIX } from "./keys.ts"
import type { Follower, Interest } from "./port.ts"

const CATALOG_PREFIXES = [NETWORKS_PREFIX, NODES_PREFIX, ALIVE_PREFIX, ENDPOINTS_PREFIX]

/** A follower that does not want everything, and whose own endpoints it always gets. */
export interface Wanted {
  interest: Interest
  nodeId: string
}

/**
 * One store's stream of changes, for any number of followers: each revision is decoded once for all of them, and the
 * catalog is kept, so that a thousand who begin anew do not read the store a thousand times.
 */
export class Feed {
  readonly #store: Store
  readonly #catalog = new Catalog()
  #placed: PlacedBatch | null = null
  readonly #snapshots = new Map<string, ChangeBatch>()
  #snapshotsAt = 0

  constructor(store: Store) {
    this.#store = store
  }

  /** How many endpoints there are. */
  get endpoints(): number {
    return this.#present().endpoints.size
  }

  /**
   * As Cluster.follow. The first batch comes before this returns; where this server is behind `fromRevision`, when it has
   * caught up. Ends with `no_leader` (unavailable) where it cannot: another server may be further.
   */
  follow(
    fromRevision: number,
    onBatch: (batch: ChangeBatch) => void,
    onEnd: (error: OvlError) => void,
    wanted: Wanted | null = null,
  ): Follower {
    let closed = false
    let watch: Watch | null = null
    let reached = 0
    let following: Following | null = null
    const give = (batch: ChangeBatch) => {
      reached = batch.revision
      onBatch(batch)
    }
    const begin = (batch: ChangeBatch) => {
      const head = batch.opening?.head ?? batch.revision
      following =
        wanted && new Following({ ...wanted.interest, networks: networksOf(batch, wanted) }, wanted.nodeId, head)
      give(batch)
      if (closed) return
      watch = this.#store.watch(
        OVL_PREFIX,
        this.#watchableFrom(batch.revision),
        (raw) => {
          if (closed) return
          const placed = this.#decode(raw)
          give(following ? placed.partFor(following) : placed.batch)
        },
        (error) => {
          if (closed) return
          if (error.code === "compacted") begin(this.#snapshot(wanted))
          else onEnd(error)
        },
      )
      if (closed) return watch.close()
      // What was missed comes in the microtask before this one. The head may have no change of its own.
      queueMicrotask(() => {
        if (!closed && reached >= batch.revision && reached < head)
          give({ revision: head, snapshot: false, changes: [] })
      })
    }
    const start = () => {
      const known = fromRevision > 0 && fromRevision <= this.#store.revision
      if (!closed) begin(known ? this.#resumption(fromRevision, wanted) : this.#snapshot(wanted))
    }
    if (fromRevision <= this.#store.revision) start()
    // The follower has seen more than this server has: never a step back, but where the whole cluster has made one.
    else this.#store.barrier().then(start, (error) => closed || onEnd(asOvlError(error)))
    return {
      close: () => {
        closed = true
        watch?.close()
      },
    }
  }

  /** History may no longer reach back to `revision` although nothing of the catalog has changed since. */
  #watchableFrom(revision: number): number {
    return revision >= this.#store.lastChange(OVL_PREFIX) ? this.#store.revision : revision
  }

  /** The first batch of a follower that knows everything up to `revision`, but for the networks that are new to it. */
  #resumption(revision: number, wanted: Wanted | null): ChangeBatch {
    const head = Math.max(revision, this.#store.lastChange(OVL_PREFIX))
    const networks = wanted && [...wanted.interest.networks]
    const changes = wanted ? endpointsOf(this.#present(), wanted.interest.fresh) : []
    return { revision, snapshot: false, changes, opening: { head, networks } }
  }

  /** The very same object for all who want the same while nothing changes. */
  #snapshot(wanted: Wanted | null): ChangeBatch {
    const catalog = this.#present()
    if (this.#snapshotsAt !== catalog.revision) this.#snapshots.clear()
    this.#snapshotsAt = catalog.revision
    const networks = wanted && snapshotNetworks(catalog, wanted.interest, wanted.nodeId)
    const key = networks?.join() ?? "all"
    const known = this.#snapshots.get(key)
    if (known) return known
    const batch = snapshotOf(catalog, networks)
    if (this.#snapshots.size < FOLLOW_SNAPSHOTS_MAX) this.#snapshots.set(key, batch)
    return batch
  }

  /** The catalog as the store is now. It follows what is handed out; where that is not so, it is read anew. */
  #present(): Catalog {
    if (this.#catalog.revision === 0 || this.#catalog.revision < this.#store.lastChange(OVL_PREFIX))
      this.#catalog.apply(snapshot(this.#store))
    return this.#catalog
  }

  #decode(raw: WatchBatch): PlacedBatch {
    if (this.#placed?.batch.revision === raw.revision) return this.#placed
    const changes = raw.events.map(({ key, entry }) => changeOf(key, entry)).filter((change) => change !== null)
    const placed = new PlacedBatch({ revision: raw.revision, snapshot: false, changes }, this.#catalog)
    this.#catalog.apply(placed.batch)
    this.#placed = placed
    this.#snapshots.clear()
    return placed
  }
}

/** What the stream brings: a snapshot's own list, which may be longer than what was asked for. */
function networksOf(batch: ChangeBatch, wanted: Wanted): string[] {
  return batch.opening?.networks ?? wanted.interest.networks
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
