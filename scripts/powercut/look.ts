/**
 * What lies on a disk, looked at without starting anything: the member's numbers, each entry of its log, and the state,
 * which must be what the entries up to the applied one make.
 */
import { silentLog } from "../../src/base/log.ts"
import type { Entry } from "../../src/raft/types.ts"
import { openLmdb } from "../../src/store/lmdb.ts"
import {
  decodeLogRow,
  decodeMembers,
  decodeNumbers,
  logKey,
  MEMBERS_KEY,
  type Numbers,
  NUMBERS_KEY,
} from "../../src/store/replicated/raft-rows.ts"
import { type DurableTables, type MemoryTables, memoryTables } from "../../src/store/tables.ts"
import { applyEntries, copyOfState, digestOfState, type ReferenceLog } from "./reference-log.ts"

export interface Look {
  problems: string[]
  /** Null where the member has neither log nor state yet. */
  numbers: Numbers | null
  /** The state with all that the log has beyond it. */
  full: MemoryTables
  /** Its only member is the server itself, and the log says nothing else beyond the state: it decides on its own. */
  alone: boolean
}

/** What did come of the log, as far as it concerns the one that is looked at. */
export interface Outcome {
  reference: ReferenceLog
  /** The last entry that it says something about: what an image's own later life decided is another matter. */
  last: number
}

/** `dir` is a data directory. Throws what opening it throws, and `data_corrupt` where a row is damaged. */
export async function lookInto(dir: string, outcome: Outcome): Promise<Look> {
  const backend = openLmdb(dir, silentLog)
  try {
    return lookAt(backend.tables, outcome)
  } finally {
    await backend.close()
  }
}

function lookAt(tables: DurableTables, outcome: Outcome): Look {
  const full = copyOfState(tables)
  const numbersRow = tables.raft.get(NUMBERS_KEY)
  const membersRow = tables.raft.get(MEMBERS_KEY)
  if (numbersRow === undefined || membersRow === undefined) {
    const isEmpty =
      digestOfState(full) === digestOfState(memoryTables()) && tables.log.pageKeys("", null, 1).length === 0
    // One that is joining knows a term before it has been given log, state and members.
    const isWaiting = membersRow === undefined && (!numbersRow || decodeNumbers(numbersRow).lastIndex === 0)
    const problems = isEmpty && isWaiting ? [] : ["some of the member's rows are there, and some are not"]
    return { problems, numbers: null, full, alone: false }
  }
  const numbers = decodeNumbers(numbersRow)
  const { voters, learners } = decodeMembers(membersRow).confState
  const alone = voters.length === 1 && learners.length === 0
  const problems = numberProblems(numbers)
  const log = problems.length > 0 ? null : readLog(tables, numbers)
  if (log === null) return { problems: [...problems, "the log has gaps, or rows beside it"], numbers, full, alone }
  problems.push(...logProblems(log, numbers), ...departures(log, numbers, outcome))
  if (problems.length > 0) return { problems, numbers, full, alone }
  if (digestOfState(stateByLog(log, numbers, outcome)) !== digestOfState(full))
    problems.push(`the state is not what the log makes up to ${numbers.applied.index}`)
  const rest = log.filter(({ index }) => index > numbers.applied.index)
  applyEntries(full, rest)
  return { problems, numbers, full, alone: alone && rest.every(({ type }) => type === "EntryNormal") }
}

/** A commit on disk may be behind what is applied: it is a hint, and what is applied was decided. */
function numberProblems({ hardState, applied, base, lastIndex }: Numbers): string[] {
  const problems: string[] = []
  if (lastIndex < base.index) problems.push(`the log ends at ${lastIndex}, and begins behind ${base.index}`)
  if (hardState.commit > lastIndex) problems.push(`commit ${hardState.commit} is beyond the last entry, ${lastIndex}`)
  if (applied.index > lastIndex) problems.push(`applied ${applied.index} is beyond the last entry, ${lastIndex}`)
  if (applied.index < base.index) problems.push(`entries up to ${base.index} are gone, applied is ${applied.index}`)
  if (hardState.term < base.term) problems.push(`the term is ${hardState.term}, and the log begins with ${base.term}`)
  return problems
}

/** Null where there are other rows than it should have. */
function readLog({ log }: DurableTables, { base, lastIndex }: Numbers): Entry[] | null {
  const indexes = Array.from({ length: lastIndex - base.index }, (_, i) => base.index + 1 + i)
  const keys = log.pageKeys("", null, indexes.length + 1)
  if (keys.length !== indexes.length || indexes.some((index, i) => logKey(index) !== keys[i])) return null
  return indexes.map((index) => decodeLogRow(index, log.get(logKey(index))))
}

function logProblems(log: readonly Entry[], { hardState, applied, base, logBytes }: Numbers): string[] {
  const problems: string[] = []
  let before = base.term
  for (const { index, term } of log) {
    if (term < before) problems.push(`entry ${index} is of term ${term}, and the one before of ${before}`)
    if (index === applied.index && term !== applied.term)
      problems.push(`applied is of term ${applied.term}, not ${term}`)
    before = term
  }
  if (before > hardState.term) problems.push(`the last entry is of term ${before}, above ${hardState.term}`)
  const bytes = log.reduce((sum, { data }) => sum + data.length, 0)
  if (bytes !== logBytes) problems.push(`the log has ${bytes} bytes, and says ${logBytes}`)
  return problems
}

function entryOf({ reference, last }: Outcome, index: number): Entry | undefined {
  return index <= last ? reference.entry(index) : undefined
}

/** Where the log is not what came of it, although it was decided, or is of the same term. */
function departures(log: readonly Entry[], { hardState, applied }: Numbers, outcome: Outcome): string[] {
  const decided = Math.max(hardState.commit, applied.index)
  return log.flatMap(({ index, term, data }) => {
    const there = entryOf(outcome, index)
    if (there?.term !== term)
      return there && index <= decided ? [`entry ${index} was decided, and is not what came of it`] : []
    return Buffer.compare(there.data, data) === 0 ? [] : [`entry ${index} of term ${term} has other data`]
  })
}

/** Up to the applied entry: by the reference as far as that goes the same way, and from there by the log itself. */
function stateByLog(log: readonly Entry[], { applied }: Numbers, outcome: Outcome): MemoryTables {
  const own = log.filter(({ index, term }) => index <= applied.index && entryOf(outcome, index)?.term !== term)
  const state = outcome.reference.stateAfter((own[0]?.index ?? applied.index + 1) - 1)
  applyEntries(state, own)
  return state
}
