/** The rules of the stream of changes, on what several followers were told. */
import type { FollowedBatch } from "./streams.ts"

/**
 * `made`: networks whose making was acknowledged; `final`: those that there are at the end. A snapshot in mid-stream is
 * allowed (the server's history is bounded) and must not go back; what happened before it need not have been told.
 */
export function judgeStreams(
  followers: readonly (readonly FollowedBatch[])[],
  made: readonly string[],
  final: readonly string[],
): string[] {
  const told = new Map<number, string>()
  const violations = followers.flatMap((batches, number) => {
    const complain = (why: string) => `follower ${number + 1}: ${why}`
    return [...order(batches), ...agreement(batches, told), ...completeness(batches, made, final)].map(complain)
  })
  return [...violations, ...gaps(followers, told)]
}

/** Each revision once, and none after a later one. */
function order(batches: readonly FollowedBatch[]): string[] {
  const found: string[] = []
  let last = 0
  for (const { revision, snapshot, networks } of batches) {
    // What says nothing but where the stream goes on may repeat that revision.
    const isNews = networks.length > 0 && !snapshot
    if (revision < last || (isNews && revision === last)) found.push(`revision ${revision} came after ${last}`)
    last = Math.max(last, revision)
  }
  return found
}

const textOf = ({ networks }: FollowedBatch) =>
  networks
    .map(({ id, name }) => `${id} ${name}`)
    .sort()
    .join()

/** One revision means the same to all. */
function agreement(batches: readonly FollowedBatch[], told: Map<number, string>): string[] {
  const found: string[] = []
  for (const batch of batches) {
    if (batch.snapshot || batch.networks.length === 0) continue
    const known = told.get(batch.revision)
    if (known === undefined) told.set(batch.revision, textOf(batch))
    else if (known !== textOf(batch)) found.push(`revision ${batch.revision} is told in two ways`)
  }
  return found
}

/** What was acknowledged was told, and what is left at the end is what there is. */
function completeness(batches: readonly FollowedBatch[], made: readonly string[], final: readonly string[]): string[] {
  const present = new Set<string>()
  const seen = new Set<string>()
  for (const { snapshot, networks } of batches) {
    if (snapshot) present.clear()
    for (const { id, name } of networks) {
      if (name === null) present.delete(id)
      else present.add(id)
      seen.add(id)
    }
  }
  const found: string[] = []
  const rebased = batches.slice(1).some(({ snapshot }) => snapshot)
  const missed = made.filter((id) => !seen.has(id))
  if (missed.length > 0 && !rebased) found.push(`${missed.length} networks were made and never told of: ${missed[0]}`)
  const [ours, theirs] = [[...present].sort().join(" "), [...final].sort().join(" ")]
  if (ours !== theirs) found.push(`at the end it has ${ours} and the cluster ${theirs}`)
  return found
}

/** A revision with networks that one was told of is told to all whose stream goes across it. */
function gaps(followers: readonly (readonly FollowedBatch[])[], told: ReadonlyMap<number, string>): string[] {
  const found: string[] = []
  for (const [number, batches] of followers.entries()) {
    const own = new Set(batches.map(({ revision }) => revision))
    for (const revision of told.keys()) {
      if (own.has(revision)) continue
      const after = batches.findIndex((batch) => batch.revision > revision)
      if (after > 0 && !batches[after]!.snapshot) found.push(`follower ${number + 1}: revision ${revision} is missing`)
    }
  }
  return found
}
