/**
 * Cuts the power at moments of a recording, and holds what is on the disks then against what was promised by then.
 *
 * Moments are drawn from all positions of the journal, and more often from those where something can go wrong: just after
 * an answer was given, while a write is under way, and when all writes of a commit are done and none is flushed.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { scratchDirectory } from "../../test/support/machine.ts"
import { Seeded } from "../chaos/seeded.ts"
import { type Ask, Checkers, type Finding } from "./checkers.ts"
import { writeDataDirectory } from "./data-directory.ts"
import { type JournalEvent, VoidRun } from "./journal.ts"
import { FATES, type Losses, PowerCutDisk } from "./power-cut-disk.ts"
import { type Broken, Promises } from "./promises.ts"
import type { Recording } from "./recording.ts"

/**
 * `unborn`: the very first flush of the file was not over, nothing could be promised, and the store does not open what is
 * there. `lost`: something that was answered, or seen, is not there. `foreign`: a client finds what it never had.
 * `inconsistent`: log and state contradict themselves or each other. `refused`: the store does not open it.
 * `deadly`: the process that opened it died.
 */
export type Verdict = "sound" | "unborn" | "lost" | "foreign" | "inconsistent" | "refused" | "deadly"

export interface Judgement {
  verdict: Verdict
  /** Which image, and what is wrong with it. */
  what: string[]
}

export interface Summary {
  images: number
  verdicts: Record<Verdict, number>
  losses: Losses
  /** How many different states, by their last entry, and how many different logs there were. */
  states: number
  logs: number
  /** The first images of each verdict but `sound`. */
  examples: string[]
}

type Found = Readonly<Record<number, string>>

interface Cut {
  position: number
  member: number
}

const EXAMPLES = 3

/** Throws `VoidRun` where what was recorded does not lead to the files as they are. */
export async function judge(recording: Recording, images: number, seed: number): Promise<Summary> {
  const { path, remove } = scratchDirectory()
  const checkers = new Checkers(path, recording.members.get(1)!.file)
  try {
    return await new Judge(recording, new Seeded(seed), path, checkers).run(images)
  } finally {
    checkers.close()
    remove()
  }
}

class Judge {
  readonly #recording: Recording
  readonly #chance: Seeded
  readonly #directory: string
  readonly #checkers: Checkers
  readonly #disks = new Map<number, PowerCutDisk>()
  readonly #promises: Promises
  readonly #states = new Set<number>()
  readonly #logs = new Set<number>()
  readonly #summary: Summary = {
    images: 0,
    verdicts: { sound: 0, unborn: 0, lost: 0, foreign: 0, inconsistent: 0, refused: 0, deadly: 0 },
    losses: { kept: 0, dropped: 0, torn: 0 },
    states: 0,
    logs: 0,
    examples: [],
  }

  constructor(recording: Recording, chance: Seeded, directory: string, checkers: Checkers) {
    this.#recording = recording
    this.#chance = chance
    this.#directory = directory
    this.#checkers = checkers
    this.#promises = new Promises(recording.history)
    for (const member of recording.members.keys()) this.#disks.set(member, new PowerCutDisk())
  }

  async run(images: number): Promise<Summary> {
    const { events, members } = this.#recording
    const cuts = cutsIn(events, [...members.keys()], images, this.#chance.fork("cuts"))
    const underWay: Promise<void>[] = []
    let next = 0
    for (const [position, event] of events.entries()) {
      if ("text" in event) this.#promises.take(event)
      else this.#disks.get(event.member)!.take(event, position)
      for (; cuts[next]?.position === position; next++)
        underWay.push(this.#try(cuts[next]!, await this.#checkers.free()))
    }
    await Promise.all(underWay)
    this.#compareFiles()
    return this.#summary
  }

  async #try({ position, member }: Cut, check: Ask): Promise<void> {
    const number = ++this.#summary.images
    const fate = this.#chance.pick(FATES)
    const { bytes, losses } = this.#disks.get(member)!.image(fate, this.#chance)
    for (const name of ["kept", "dropped", "torn"] as const) this.#summary.losses[name] += losses[name]
    const dir = join(this.#directory, `${number}`)
    writeDataDirectory(dir, bytes)
    const { nodeId: self, votesAfter } = this.#recording.members.get(member)!
    const isPromising = this.#promises.asked > votesAfter
    const promised = isPromising ? this.#promises.now() : () => []
    const isUnborn = !isPromising && this.#disks.get(member)!.isUnborn
    const finding = await check({ dir, self, joined: votesAfter > 0 })
    rmSync(dir, { recursive: true, force: true })
    const where = `image ${number}: power of server ${member} cut after event ${position}, ${lossText(losses)}`
    this.#count(finding, judgementOf(finding, promised, isUnborn), where)
  }

  #count(finding: Finding, { verdict, what }: Judgement, where: string): void {
    const { verdicts, examples } = this.#summary
    if (verdicts[verdict]++ < EXAMPLES && verdict !== "sound") examples.push(`${verdict}: ${where}: ${what.join("; ")}`)
    if (!("report" in finding)) return
    const { applied, last } = finding.report
    this.#summary.states = this.#states.add(applied).size
    this.#summary.logs = this.#logs.add(last).size
  }

  /** What was recorded is all that happened to the files, or nothing that was judged means anything. */
  #compareFiles(): void {
    for (const [member, { file }] of this.#recording.members)
      if (Buffer.compare(this.#disks.get(member)!.whole(), file) !== 0)
        throw new VoidRun(`the file of server ${member} is not what the recorded writes make`)
  }
}

function lossText({ kept, dropped, torn }: Losses): string {
  return `${kept + dropped + torn} writes not flushed (${kept} kept, ${dropped} dropped, ${torn} torn)`
}

function judgementOf(finding: Finding, promised: (found: Found) => Broken[], isUnborn: boolean): Judgement {
  if ("died" in finding) return { verdict: "deadly", what: [finding.died] }
  if ("refused" in finding) return { verdict: isUnborn ? "unborn" : "refused", what: [finding.refused] }
  const { problems, clients } = finding.report
  if (problems.length > 0) return { verdict: "inconsistent", what: problems }
  const broken = promised(clients)
  const worst = broken.find(({ breach }) => breach === "foreign") ?? broken[0]
  return { verdict: worst?.breach ?? "sound", what: broken.map(({ what }) => what) }
}

/** In their order. */
function cutsIn(events: readonly JournalEvent[], members: number[], count: number, chance: Seeded): Cut[] {
  const positions = [...events.keys()]
  const answers = positions.filter((position) => events[position]!.kind === "answer")
  const writes = positions.filter((position) => events[position]!.kind === "write")
  const flushes = positions.filter((position) => events[position]!.kind === "sync")
  if (answers.length === 0 || writes.length === 0 || flushes.length === 0) throw new VoidRun("nothing was recorded")
  const cuts = Array.from({ length: count }, () => ({
    position: chance.pick(chance.pick([positions, answers, writes, flushes])),
    member: chance.pick(members),
  }))
  return cuts.sort((a, b) => a.position - b.position)
}
