/** What may become of a disk in one write, looked at just before it is done (I8, I10, I13 to I16). */
import { Reader } from "../../../src/store/reader.ts"
import type { DiskRound } from "../../../src/store/replicated/port.ts"
import type { ReadTables } from "../../../src/store/tables.ts"
import { SimStage } from "../disk.ts"
import { violated } from "../violation.ts"
import { membersText, sameMembers } from "./configurations.ts"
import type { Oracle } from "./oracle.ts"
import type { Observed } from "./server.ts"

/** The round is about to be on the disk of a server. */
export function checkWrite(oracle: Oracle, server: Observed, round: DiskRound): void {
  checkInstall(oracle, server, round)
  checkEntries(oracle, server, round)
  checkHardState(oracle, server, round)
  checkApplied(oracle, server, round)
}

/** The round is on the disk: what the tables show is what the log says. */
export function checkWritten(oracle: Oracle, { id, disk }: Observed): void {
  const revision = revisionOf(disk.tables)
  const expected = oracle.decided.revision(disk.applied.index)
  if (revision !== expected) {
    violated("I14", `the disk of ${id} has revision ${revision}, at entry ${disk.applied.index} it is ${expected}`)
  }
}

export function revisionOf(tables: ReadTables): number {
  return new Reader(tables).header().revision
}

/** I16: a snapshot leads forward, to something decided. */
function checkInstall({ decided }: Oracle, { id, disk }: Observed, { install, applied }: DiskRound): void {
  if (install === null) return
  if (!(install instanceof SimStage) || applied === undefined) violated("I16", `${id} installs no whole snapshot`)
  if (applied.index !== install.applied.index || applied.term !== install.applied.term) {
    violated("I16", `${id} installs the state of ${install.applied.index} as that of ${applied.index}`)
  }
  if (applied.index <= disk.applied.index) {
    violated("I16", `${id} goes from ${disk.applied.index} back to the snapshot at ${applied.index}`)
  }
  if (applied.index > decided.index || decided.term(applied.index) !== applied.term) {
    violated("I16", `${id} installs the snapshot at ${applied.term}/${applied.index}, which is not decided`)
  }
}

/** I3 for logs on disks; I10: what is decided is never cut off. */
function checkEntries({ terms, decided, tally }: Oracle, { id, disk }: Observed, round: DiskRound): void {
  const { entries, startsAt } = round
  const [first] = entries
  if (first === undefined) return
  const base = startsAt ?? disk.base
  const last = startsAt?.index ?? disk.lastIndex()
  if (first.index <= base.index || first.index > last + 1) {
    violated("I10", `${id} writes entries from ${first.index} on, its disk has up to ${last}`)
  }
  if (first.index <= last) {
    tally.add("conflicting entries cut off")
    if (first.index <= disk.applied.index) violated("I10", `${id} overwrites ${first.index}, which is applied`)
    for (let at = first.index; at <= Math.min(last, decided.index); at++) {
      const term = decided.term(at)
      if (disk.term(at) === term && entries[at - first.index]?.term !== term) {
        violated("I13", `${id} cuts off ${term}/${at}, which is decided`)
      }
    }
  }
  let previous = first.index - 1 === base.index ? base.term : disk.term(first.index - 1)!
  for (const entry of entries) {
    terms.check(entry, previous, `the disk of ${id}`)
    previous = entry.term
  }
}

/** I8, I11: term and vote never go back, and the disk knows nothing as decided that it has not. */
function checkHardState({ terms }: Oracle, { id, disk }: Observed, round: DiskRound): void {
  const { hardState, entries, startsAt } = round
  if (hardState === undefined) return
  const before = disk.hardState
  if (before !== undefined && hardState.term < before.term) {
    violated("I10", `${id} writes term ${hardState.term} over ${before.term}`)
  }
  if (before !== undefined && hardState.commit < before.commit) {
    violated("I10", `${id} writes ${hardState.commit} as decided over ${before.commit}`)
  }
  if (hardState.vote !== 0) terms.voted(id, hardState.term, hardState.vote)
  const last = entries.at(-1)?.index ?? startsAt?.index ?? disk.lastIndex()
  if (hardState.commit > last) violated("I8", `${id} writes ${hardState.commit} as decided, its log ends at ${last}`)
}

/** I14: state and applied index go together, and so do the members of that moment. */
function checkApplied({ decided }: Oracle, { id, disk }: Observed, round: DiskRound): void {
  const { flush, heavy, applied, confState, compactTo } = round
  if (applied === undefined) {
    if (flush !== null || heavy !== null) violated("I14", `${id} writes state without saying how far it is`)
  } else {
    if (applied.index < disk.applied.index) {
      violated("I10", `${id} writes ${applied.index} as applied over ${disk.applied.index}`)
    }
    if (applied.index > decided.index) violated("I14", `${id} has applied ${applied.index}, which is not decided`)
  }
  const index = applied?.index ?? disk.applied.index
  if (!sameMembers(decided.configurations.at(index), confState ?? disk.confState) && index > 0) {
    const has = JSON.stringify(confState ?? disk.confState)
    violated("I14", `${id} stores ${has} at ${index}, it is ${membersText(decided.configurations.at(index))}`)
  }
  if (compactTo > index) violated("I10", `${id} drops its log up to ${compactTo}, applied is ${index}`)
}
