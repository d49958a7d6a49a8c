/**
 * What a life is like, drawn from its seed: how many servers, which faults there are and how often, how patient the servers
 * are. Each life has only some of the faults (swarm testing, Groce and others 2012): faults that hide each other are then
 * met alone as well. The ranges are those of docs/simulation.md.
 */
import type { Chance } from "./chance.ts"
import type { Bounds } from "./tuning.ts"

/** 0: never. All `...Ms` are means of simulated milliseconds, rates are parts of 1. */
export interface Plan {
  /** Voters at the beginning. */
  voters: number
  /** How many things happen before the faults stop. */
  events: number
  network: NetworkPlan
  process: ProcessPlan
  disk: DiskPlan
  members: MembersPlan
  clients: ClientsPlan
  bounds: Bounds
}

export interface NetworkPlan {
  delayMs: number
  lossRate: number
  duplicateRate: number
  /** Messages on one path at a time; what comes on top is lost. */
  pathMax: number
  partitionEveryMs: number
  partitionMs: number
  /** How many partitions are one-way. */
  asymmetricRate: number
  clogEveryMs: number
  clogMs: number
  /** Spans in which one type of message does not get through on some paths. */
  filterEveryMs: number
  filterMs: number
  /** Messages from long ago, of servers' earlier lives too. */
  staleEveryMs: number
}

export interface ProcessPlan {
  crashEveryMs: number
  downMs: number
  pauseEveryMs: number
  pauseMs: number
  /** Everybody dies at once. */
  blackoutEveryMs: number
  /** A server's clock runs by up to so much faster or slower. */
  drift: number
  /** One server takes so much longer to hear of anything. */
  slowMs: number
}

export interface DiskPlan {
  writeMs: number
  /** How many writes stall, and for how long. */
  stallRate: number
  stallMs: number
  /** Between two writes that fail, over all servers. */
  failEveryMs: number
  fullEveryMs: number
}

export interface MembersPlan {
  changeEveryMs: number
  wipeEveryMs: number
  transferEveryMs: number
  /** Snapshots that break off on their way. */
  breakRate: number
  snapshotMs: number
}

export interface ClientsPlan {
  count: number
  thinkMs: number
  keys: number
  /** Until a client gives up waiting, and does not know. */
  patienceMs: number
  readRate: number
  /** So many more only read, often, and seldom of another server than the last time. */
  onlookers: number
}

const NEVER = 0

export function drawPlan(chance: Chance, events: number | undefined): Plan {
  const sometimes = (rate: number, low: number, high: number) =>
    chance.happens(rate) ? Math.round(chance.between(low, high)) : NEVER
  const voters = chance.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5])
  return {
    voters,
    events: events ?? chance.pick([3_000, 6_000, 6_000, 12_000]),
    network: {
      delayMs: chance.pick([0.5, 2, 5, 20, 60]),
      lossRate: chance.happens(0.5) ? chance.between(0, 0.3) : 0,
      duplicateRate: chance.happens(0.4) ? chance.between(0, 0.5) : 0,
      pathMax: chance.pick([4, 16, 200]),
      partitionEveryMs: sometimes(0.6, 1_000, 8_000),
      partitionMs: chance.between(200, 3_000),
      asymmetricRate: chance.pick([0, 0.5, 1]),
      clogEveryMs: sometimes(0.3, 1_000, 8_000),
      clogMs: chance.between(50, 5_000),
      filterEveryMs: sometimes(0.4, 1_000, 8_000),
      filterMs: chance.between(200, 3_000),
      staleEveryMs: sometimes(0.5, 50, 1_000),
    },
    process: {
      crashEveryMs: sometimes(0.7, 300, 6_000),
      downMs: chance.pick([5, 100, 1_000, 5_000]),
      pauseEveryMs: sometimes(0.4, 1_000, 8_000),
      pauseMs: chance.between(50, 4_000),
      blackoutEveryMs: sometimes(0.2, 3_000, 15_000),
      drift: chance.happens(0.4) ? chance.between(0, 0.5) : 0,
      slowMs: sometimes(0.3, 5, 150),
    },
    disk: {
      writeMs: chance.pick([0, 0.3, 2, 10, 40]),
      stallRate: chance.happens(0.4) ? chance.between(0, 0.1) : 0,
      stallMs: chance.between(50, 1_000),
      failEveryMs: sometimes(0.3, 2_000, 15_000),
      fullEveryMs: sometimes(0.25, 1_000, 8_000),
    },
    members: {
      // Who begins alone mostly gets company: that is how every cluster begins.
      changeEveryMs: voters === 1 ? sometimes(0.7, 200, 1_000) : sometimes(0.5, 300, 5_000),
      wipeEveryMs: sometimes(0.25, 3_000, 20_000),
      transferEveryMs: sometimes(0.4, 500, 6_000),
      breakRate: chance.pick([0, 0.2, 0.7]),
      snapshotMs: chance.pick([5, 100, 800]),
    },
    clients: {
      count: chance.pick([1, 3, 6, 12]),
      thinkMs: chance.pick([2, 20, 100, 400]),
      keys: chance.pick([1, 3, 8]),
      patienceMs: chance.pick([500, 5_000]),
      readRate: chance.pick([0.1, 0.4, 0.8]),
      onlookers: chance.happens(0.3) ? 3 : 0,
    },
    bounds: {
      DELETE_SLICE_KEYS: chance.pick([1, 2, 1_000]),
      COMMIT_BATCH_MAX_COMMANDS: chance.pick([1, 4, 256]),
      RAFT_APPEND_MAX_BYTES: chance.pick([0, 200, 1_048_576]),
      RAFT_INFLIGHT_MAX_MESSAGES: chance.pick([1, 3, 64]),
      RAFT_APPLY_MAX_BYTES: chance.pick([100, 16_777_216]),
      RAFT_UNCOMMITTED_MAX_BYTES: chance.pick([1_000, 16_777_216]),
      RAFT_READS_MAX: chance.pick([3, 16_384]),
      RAFT_OVERLAY_MAX_ROWS: chance.pick([5, 50, 4_096]),
      RAFT_LAZY_APPLY_TICKS: chance.pick([1, 10, 50]),
      RAFT_LOG_MAX_ENTRIES: chance.pick([10, 40, 200]),
      RAFT_LOG_KEPT_ENTRIES: chance.pick([0, 5, 10]),
      RAFT_COMPACT_SLICE_ENTRIES: chance.pick([3, 512]),
      RAFT_SNAPSHOTS_MAX: chance.pick([1, 4]),
      RAFT_SNAPSHOT_IDLE_TICKS: chance.pick([20, 200]),
    },
  }
}

/** What can be switched off, to see whether a failure needs it. */
export const FAULTS = [
  "network.lossRate",
  "network.duplicateRate",
  "network.partitionEveryMs",
  "network.clogEveryMs",
  "network.filterEveryMs",
  "network.staleEveryMs",
  "process.crashEveryMs",
  "process.pauseEveryMs",
  "process.blackoutEveryMs",
  "process.drift",
  "process.slowMs",
  "disk.writeMs",
  "disk.stallRate",
  "disk.failEveryMs",
  "disk.fullEveryMs",
  "members.changeEveryMs",
  "members.wipeEveryMs",
  "members.transferEveryMs",
  "members.breakRate",
] as const

/** Throws for a name that is none of `FAULTS`. */
export function switchOff(plan: Plan, faults: readonly string[]): void {
  for (const fault of faults) {
    if (!FAULTS.some((known) => known === fault)) throw new Error(`there is no fault ${fault}`)
    const [group, field] = fault.split(".") as ["network", "lossRate"]
    plan[group][field] = NEVER
  }
}
