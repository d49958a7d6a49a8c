/** One life from its seed to its end: faults for a while, then calm, in which all must come to agree (I19). */
import { TABLE_NAMES } from "../../src/store/tables.ts"
import { judgeStore } from "../linearize/judge.ts"
import { Chance } from "./chance.ts"
import type { Situation } from "./coverage.ts"
import { drawPlan, type Plan, switchOff } from "./plan.ts"
import type { SimServer } from "./server.ts"
import type { Bounds } from "./tuning.ts"
import { invariantOf, violated } from "./violation.ts"
import { World } from "./world.ts"

/** Simulated time in which all must be well after the faults have stopped. */
const CALM_MS = 30_000
const TRACE_LINES = 60
const JUDGE_MAX_STATES = 20_000

export interface LifeOptions {
  readonly seed: number
  /** How many things happen before the faults stop; as the plan has it where it is not given. */
  readonly events: number | undefined
  /** Faults that are switched off. */
  readonly off: readonly string[]
  readonly tune: (bounds: Bounds) => void
}

export interface LifeEnd {
  readonly seed: number
  readonly steps: number
  readonly situations: [Situation, number][]
  readonly failure: Failure | null
}

export interface Failure {
  readonly invariant: string
  readonly text: string
  readonly events: number
  readonly trace: string[]
  readonly plan: Plan
}

export function live({ seed, events, off, tune }: LifeOptions): LifeEnd {
  const plan = drawPlan(new Chance(seed), events)
  switchOff(plan, off)
  tune(plan.bounds)
  const world = new World(seed, plan)
  let happened = 0
  let failure: Failure | null = null
  try {
    while (happened < plan.events && world.agenda.next()) happened++
    endWell(world)
  } catch (error) {
    const text =
      error instanceof Error ? (error.name === "Violation" ? error.message : (error.stack ?? "")) : String(error)
    failure = { invariant: invariantOf(error), text, events: happened, trace: world.trace.lines(TRACE_LINES), plan }
  }
  return { seed, steps: world.steps, situations: world.tally.entries(), failure }
}

/** I19: one leader, everything that is asked for is done, and all members have the same. */
function endWell(world: World): void {
  const { agenda, clients } = world
  world.calmDown()
  const before = clients.acknowledged
  const end = agenda.now + CALM_MS
  const wanted = before + 20
  while (agenda.now < end && clients.acknowledged < wanted && agenda.next());
  if (clients.acknowledged < wanted) {
    violated(
      "I19",
      `only ${clients.acknowledged - before} writes were acknowledged in ${CALM_MS} ms without faults: ${text(world)}`,
    )
  }
  clients.stop()
  while (agenda.now < end && !agrees(world) && agenda.next());
  if (!agrees(world))
    violated("I19", `not all members have the same after ${CALM_MS} ms without faults: ${text(world)}`)
  compareTables(world)
  clients.settle()
  judge(world)
}

function membersOf(world: World): SimServer[] {
  const { voters, learners } = world.oracle.decided.configurations.last
  return world.servers.filter(({ id }) => voters.has(id) || learners.has(id))
}

function agrees(world: World): boolean {
  const { decided } = world.oracle
  const members = membersOf(world)
  if (members.filter((server) => server.isLeader).length !== 1) return false
  return members.every(({ disk, raft }) => {
    return (
      raft!.log.committed === decided.index &&
      raft!.log.applied === decided.index &&
      disk.applied.index === decided.index
    )
  })
}

/** I14: byte for byte what the reference machine has. */
function compareTables(world: World): void {
  const { tables: expected } = world.oracle.decided
  for (const { id, disk } of membersOf(world)) {
    for (const name of TABLE_NAMES) {
      const rows = disk.tables[name].page("", null, Number.POSITIVE_INFINITY)
      const wanted = expected[name].page("", null, Number.POSITIVE_INFINITY)
      const same =
        rows.length === wanted.length &&
        rows.every((row, i) => row.key === wanted[i]!.key && row.value.every((byte, k) => byte === wanted[i]!.value[k]))
      if (!same) violated("I14", `table ${name} of ${id} has not what the commands make of it`)
    }
  }
}

/** The clients' own view, held against the model of the checker for histories of real clusters. */
function judge(world: World): void {
  const { history, isExotic } = world.clients
  if (isExotic || history.length === 0) return
  const limits = { maxStates: JUDGE_MAX_STATES, stop: () => false }
  const { verdict, reason } = judgeStore(history, { limits, explain: true })
  if (verdict === "not") violated("I17", `the history is not linearizable: ${reason.join("; ")}`)
}

function text(world: World): string {
  return world.servers
    .map(({ id, raft, disk, driver, failed }) => {
      if (raft === null || driver === null) return `${id} is down`
      const { log, role, term, lead } = raft
      const { voters, learners } = disk.confState
      return `${id} ${failed ? "failed " : ""}${role} term ${term} lead ${lead} log ${log.firstIndex()}..${log.lastIndex()} decided ${log.committed} applied ${log.applied}/${disk.applied.index} voters ${voters} learners ${learners}`
    })
    .join("; ")
}
