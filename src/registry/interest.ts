/**
 * What of the cluster's changes one follower gets: a client wants the endpoints of the networks that it takes part in,
 * and its own wherever they are. Followers with the same interest share one batch, which is then encoded once for all.
 */
import { INTEREST_VIEWS_MAX } from "../base/limits.ts"
import type { Catalog, Change, ChangeBatch } from "../model/catalog.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { Interest } from "./port.ts"

/** Where an endpoint lies, which its removal no longer says. */
export type Place = Pick<EndpointRecord, "networkId" | "nodeId">

/** The changes of one revision, with the place of each endpoint among them as far as it is known. */
export class PlacedBatch {
  readonly batch: ChangeBatch
  readonly #places = new Map<string, Place>()
  /** The parts of it that followers want, by the key of their interest. */
  readonly #parts = new Map<string, ChangeBatch>()

  /** `before` is the catalog as it was before these changes; one that is ahead knows less of what has gone. */
  constructor(batch: ChangeBatch, before: Catalog) {
    this.batch = batch
    for (const change of batch.changes) {
      const place = change.type === "endpoint" ? (change.value ?? before.endpoints.get(change.id)) : undefined
      if (place) this.#places.set(change.id, place)
    }
  }

  /** What this follower is to get of it: the very same object for all of the same interest, but for a few. */
  partFor(follower: Following): ChangeBatch {
    const { batch } = this
    if (!batch.changes.some((change) => change.type === "endpoint")) return batch
    const special = batch.changes.some((change) => follower.isSpecial(batch.revision, this.#places.get(change.id)))
    if (special) return this.#part((place) => follower.wants(batch.revision, place))
    const known = this.#parts.get(follower.key)
    if (known) return known
    const part = this.#part((place) => follower.wants(batch.revision, place))
    if (this.#parts.size < INTEREST_VIEWS_MAX) this.#parts.set(follower.key, part)
    return part
  }

  #part(wants: (place: Place | undefined) => boolean): ChangeBatch {
    const { revision, snapshot, changes } = this.batch
    const wanted = (change: Change) => change.type !== "endpoint" || wants(this.#places.get(change.id))
    return { revision, snapshot, changes: changes.filter(wanted) }
  }
}

/** One follower with an interest. */
export class Following {
  /** The same for all with the same interest. */
  readonly key: string
  readonly networks: ReadonlySet<string>
  readonly #nodeId: string
  /** Networks whose endpoints it was given as they were at `#freshAt`: older changes of theirs would take that back. */
  readonly #fresh: ReadonlySet<string>
  readonly #freshAt: number

  constructor(interest: Interest, nodeId: string, freshAt: number) {
    this.networks = new Set(interest.networks)
    this.key = [...this.networks].sort().join()
    this.#nodeId = nodeId
    this.#fresh = new Set(interest.fresh)
    this.#freshAt = freshAt
  }

  /** Whether it gets another part of this change than others of the same interest. */
  isSpecial(revision: number, place: Place | undefined): boolean {
    if (place === undefined) return false
    if (place.nodeId === this.#nodeId) return !this.networks.has(place.networkId) || this.#isKnown(revision, place)
    return this.#isKnown(revision, place)
  }

  /** The removal of an endpoint of which nobody knows any more where it was concerns everybody. */
  wants(revision: number, place: Place | undefined): boolean {
    if (place === undefined) return true
    if (this.#isKnown(revision, place)) return false
    return this.networks.has(place.networkId) || place.nodeId === this.#nodeId
  }

  #isKnown(revision: number, place: Place): boolean {
    return revision <= this.#freshAt && this.#fresh.has(place.networkId)
  }
}

/** The networks of a follower's snapshot: those in which it has endpoints come even where it did not name them. */
export function snapshotNetworks(catalog: Catalog, interest: Interest, nodeId: string): string[] {
  const own = catalog.endpointsOfNode(nodeId).map((endpoint) => endpoint.networkId)
  return [...new Set([...interest.networks, ...own])].sort()
}

/** The catalog with the endpoints of these networks, or of all. Nodes come before what lives on them. */
export function snapshotOf(catalog: Catalog, networks: string[] | null): ChangeBatch {
  const endpoints = networks ? endpointsOf(catalog, networks) : [...catalog.endpoints.values()].map(asChange)
  const { revision } = catalog
  return {
    revision,
    snapshot: true,
    changes: [...sharedChanges(catalog), ...endpoints],
    opening: { head: revision, networks },
  }
}

/** The endpoints of these networks, as changes. */
export function endpointsOf(catalog: Catalog, networks: readonly string[]): Change[] {
  return networks.flatMap((id) => [...catalog.endpointsOf(id)].map(asChange))
}

function asChange(endpoint: EndpointRecord): Change {
  return { type: "endpoint", id: endpoint.id, value: endpoint }
}

function sharedChanges(catalog: Catalog): Change[] {
  return [
    ...[...catalog.networks.values()].map((value): Change => ({ type: "network", id: value.id, value })),
    ...[...catalog.nodes.values()].map((value): Change => ({ type: "node", id: value.id, value })),
    ...[...catalog.alive].map((id): Change => ({ type: "alive", id, value: true })),
  ]
}
