/**
 * Looks at one disk image as a server's next start would find it, and says what is wrong with it: as it lies there, once
 * it is open, and what that left behind. What clients were promised is not known here; what they would find is read out.
 */
import { silentLog } from "../../src/base/log.ts"
import type { Random } from "../../src/base/random.ts"
import { systemClock } from "../../src/linux/system.ts"
import { openEmbeddedStore } from "../../src/store/embedded.ts"
import type { Store } from "../../src/store/port.ts"
import { Reader } from "../../src/store/reader.ts"
import type { Numbers } from "../../src/store/replicated/raft-rows.ts"
import { type Look, lookInto } from "./look.ts"
import type { ReferenceLog } from "./reference-log.ts"
import { clientTexts } from "./workload-state.ts"

/** Whose disk it was. */
export interface Owner {
  /** Its node id. */
  self: string
  /** It had joined a cluster. */
  joined: boolean
}

export interface ImageReport {
  problems: string[]
  /** What each client finds: the state, with all that the log has beyond it. */
  clients: Record<number, string>
  /** The last entry that the state on the disk has, and that the log has. */
  applied: number
  last: number
}

const noChance: Random = { bytes: (length) => new Uint8Array(length) }

/** `dir` is a data directory. Throws what opening the store throws. */
export async function checkImage(dir: string, owner: Owner, reference: ReferenceLog): Promise<ImageReport> {
  const found = await lookInto(dir, { reference, last: Number.POSITIVE_INFINITY })
  const opened = await open(dir, owner, found)
  const after = await lookInto(dir, { reference, last: found.numbers?.lastIndex ?? 0 })
  const { numbers } = found
  const late = [...after.problems, ...stepsBack(numbers, after.numbers)]
  return {
    problems: [...found.problems, ...opened, ...late.map((problem) => `after it was opened: ${problem}`)],
    clients: clientTexts(new Reader(found.full)),
    applied: numbers?.applied.index ?? 0,
    last: numbers?.lastIndex ?? 0,
  }
}

/** Opens it as the daemon does. What a lone server then shows must be all that its log has. */
async function open(dir: string, owner: Owner, found: Look): Promise<string[]> {
  const options = { dir, ...owner, clock: systemClock, random: noChance, log: silentLog }
  const { store, replication } = await openEmbeddedStore(options)
  try {
    const { failure, applied, commit, lastIndex } = replication.status()
    if (failure) return [`it opened, and failed: ${failure.message}`]
    const problems: string[] = []
    if (applied > commit || commit > lastIndex) problems.push(`applied ${applied}, commit ${commit}, last ${lastIndex}`)
    if (found.alone && shown(store) !== shown(new Reader(found.full)))
      problems.push("what it shows once it is open is not what its log has")
    return problems
  } finally {
    await store.close()
  }
}

/** Every key and every session. */
function shown(store: Store | Reader): string {
  const entries = "range" in store ? store.range("", { limit: Number.MAX_SAFE_INTEGER }).entries : store.entries("")
  const parts: string[] = []
  for (const { key, value, modRevision, lease } of entries)
    parts.push(`${key} ${modRevision} ${lease} ${Bun.hash(value)}`)
  for (const { id, modRevision } of store.sessions()) parts.push(`${id} ${modRevision}`)
  return parts.join("\n")
}

function stepsBack(before: Numbers | null, after: Numbers | null): string[] {
  if (before === null) return []
  if (after === null) return ["the member's rows are gone"]
  const problems: string[] = []
  if (after.hardState.term < before.hardState.term) problems.push("the term went back")
  if (after.applied.index < before.applied.index) problems.push("the applied entry went back")
  if (after.lastIndex < before.lastIndex) problems.push("the log was cut")
  const voted = before.hardState.vote !== 0 && before.hardState.term === after.hardState.term
  if (voted && after.hardState.vote !== before.hardState.vote) problems.push("the vote was changed")
  return problems
}
