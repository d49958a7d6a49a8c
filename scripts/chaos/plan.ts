/**
 * The plan of faults: what happens to whom, for how long, one round after another. It is a function of the seed alone;
 * when it meets the cluster, and who leads then, is not.
 */
import type { Seeded } from "./seeded.ts"
import type { Direction } from "./topology.ts"

export const FAULTS = ["kill", "kill-all", "pause", "cut", "isolate", "split", "transfer", "replace", "flood"] as const
export type FaultKind = (typeof FAULTS)[number]

/** Who it is done to: whoever leads, or a member by its number, modulo how many there are. */
export type Target = "leader" | number

export type Fault =
  | { kind: "kill" | "pause"; targets: Target[] }
  | { kind: "kill-all" }
  /** From some of the other members. */
  | { kind: "cut"; target: Target; others: number; direction: Direction }
  /** From all other machines. */
  | { kind: "isolate"; target: Target; direction: Direction }
  /** The members in two parts, the first so large. */
  | { kind: "split"; order: number[]; size: number }
  | { kind: "transfer"; target: number }
  | { kind: "replace"; target: Target }
  /** It is dead while so much is written that its place in the log is gone when it comes back. */
  | { kind: "flood"; target: Target }

export interface Round {
  /** One, or two at once. */
  faults: Fault[]
  /** How long they last, and how long the cluster is left alone then. */
  holdMs: number
  restMs: number
}

/** How often each comes up. */
const WEIGHTS: Record<FaultKind, number> = {
  kill: 5,
  "kill-all": 1,
  pause: 4,
  cut: 4,
  isolate: 3,
  split: 3,
  transfer: 3,
  replace: 1.5,
  flood: 1,
}
/** What takes its own time, and wants a majority for it, comes alone; what is right next to nothing does, too. */
const ALONE: ReadonlySet<FaultKind> = new Set(["kill-all", "replace", "flood"])
const SECOND_SHARE = 0.25
/** Longer than the time after which a silent leader is given up (300 to 600 ms). */
const HOLD_MIN_MS = 800
const HOLD_MAX_MS = 3_500
/** Sometimes less than an election takes: the next fault finds the cluster in disorder. */
const REST_MIN_MS = 100
const REST_MAX_MS = 1_500
const LEADER_SHARE = 0.5
const DIRECTIONS: Direction[] = ["in", "out", "both"]

/** Rounds that last `totalMs` together, about. */
export function planFaults(random: Seeded, members: number, totalMs: number, kinds: readonly FaultKind[]): Round[] {
  const weights = Object.fromEntries(kinds.map((kind) => [kind, WEIGHTS[kind]])) as Partial<Record<FaultKind, number>>
  const rounds: Round[] = []
  for (let planned = 0; planned < totalMs && kinds.length > 0; ) {
    const first = planFault(random, random.weighted(weights), members)
    const round = {
      faults: [first, ...planSecond(random, first, weights, members)],
      holdMs: random.whole(HOLD_MIN_MS, HOLD_MAX_MS),
      restMs: random.whole(REST_MIN_MS, REST_MAX_MS),
    }
    rounds.push(round)
    planned += round.holdMs + round.restMs
  }
  return rounds
}

/** Another one at the same time, or none. */
function planSecond(
  random: Seeded,
  first: Fault,
  weights: Partial<Record<FaultKind, number>>,
  members: number,
): Fault[] {
  if (ALONE.has(first.kind) || random.next() > SECOND_SHARE) return []
  const kind = random.weighted(weights)
  return ALONE.has(kind) ? [] : [planFault(random, kind, members)]
}

function planFault(random: Seeded, kind: FaultKind, members: number): Fault {
  const someone = () => random.whole(0, members - 1)
  const target = (): Target => (random.next() < LEADER_SHARE ? "leader" : someone())
  switch (kind) {
    case "kill":
    case "pause": {
      const second = random.next() < 0.3 ? [someone()] : []
      return { kind, targets: [target(), ...second] }
    }
    case "kill-all":
      return { kind }
    case "cut":
      return {
        kind,
        target: target(),
        others: random.whole(1, Math.max(1, members - 1)),
        direction: random.pick(DIRECTIONS),
      }
    case "isolate":
      return { kind, target: target(), direction: random.pick(DIRECTIONS) }
    case "split": {
      const order = random.shuffled(Array.from({ length: members }, (_, number) => number))
      return { kind, order, size: random.whole(1, Math.max(1, Math.floor(members / 2))) }
    }
    case "transfer":
      return { kind, target: someone() }
    case "replace":
    case "flood":
      return { kind, target: target() }
  }
}

/** As a line of the log. */
export function roundText({ faults, holdMs, restMs }: Round): string {
  return `${faults.map(faultText).join("; ")} for ${(holdMs / 1000).toFixed(1)} s, then ${(restMs / 1000).toFixed(1)} s of rest`
}

function faultText(fault: Fault): string {
  const name = (target: Target) => (target === "leader" ? "the leader" : `member ${target + 1}`)
  const directions = { in: "hears nothing", out: "is heard by nobody", both: "neither hears nor is heard" }
  switch (fault.kind) {
    case "kill":
    case "pause":
      return `${fault.kind} ${fault.targets.map(name).join(" and ")}`
    case "kill-all":
      return "kill all members"
    case "cut":
      return `${name(fault.target)} ${directions[fault.direction]}, as to ${fault.others} of the others`
    case "isolate":
      return `${name(fault.target)} ${directions[fault.direction]}`
    case "split": {
      const numbers = fault.order.map((number) => number + 1)
      return `split ${numbers.slice(0, fault.size).join(" ")} from ${numbers.slice(fault.size).join(" ")}`
    }
    case "transfer":
      return `hand the lead to ${name(fault.target)}`
    case "replace":
      return `replace ${name(fault.target)} by a new one`
    case "flood":
      return `kill ${name(fault.target)}, and write more than a log keeps,`
  }
}
