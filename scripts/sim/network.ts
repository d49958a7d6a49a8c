/**
 * The network between simulated servers: every message takes its time, and may be lost, repeated, overtaken by others,
 * held up for long, or never get through because a path is cut, one way or both, or eats one type of message. Old
 * messages come again, from servers that have died since.
 */
import type { Message, MessageType } from "../../src/raft/message.ts"
import type { NodeId } from "../../src/raft/types.ts"
import type { Agenda } from "./agenda.ts"
import type { Chance } from "./chance.ts"
import type { Tally } from "./coverage.ts"
import type { NetworkPlan } from "./plan.ts"

/** What is kept to come again. */
const MEMORY_MAX_MESSAGES = 300
const FILTERED: readonly MessageType[] = ["MsgApp", "MsgAppResp", "MsgHeartbeat", "MsgHeartbeatResp", "MsgVoteResp"]

interface Remembered {
  readonly message: Message
  /** Which life of its sender it came from. */
  readonly incarnation: number
}

interface Path {
  flying: number
  cut: boolean
  clogged: boolean
  filtered: MessageType | null
}

export interface NetworkOptions {
  readonly agenda: Agenda
  readonly chance: Chance
  readonly plan: NetworkPlan
  readonly tally: Tally
  /** Brings a message to its receiver, if there is one. */
  readonly deliver: (message: Message) => void
  /** In which of its lives a server is. */
  readonly incarnation: (id: NodeId) => number
}

export class Network {
  private readonly options: NetworkOptions
  private readonly paths = new Map<NodeId, Map<NodeId, Path>>()
  private readonly memory: Remembered[] = []
  /** They are few, and would be forgotten among the others. */
  private readonly snapshots: Remembered[] = []
  /** Slow servers hear of everything later. */
  readonly slow = new Map<NodeId, number>()
  private healed = false

  constructor(options: NetworkOptions) {
    this.options = options
  }

  send(message: Message): void {
    const { chance, plan, tally, incarnation } = this.options
    this.remember({ message, incarnation: incarnation(message.from) })
    const path = this.path(message.from, message.to)
    if (path.cut) return
    if (path.filtered === message.type) {
      tally.add("message filtered by type")
      return
    }
    if (!this.healed && chance.happens(plan.lossRate)) {
      tally.add("message lost")
      return
    }
    this.fly(message, path)
    if (!this.healed && chance.happens(plan.duplicateRate)) {
      tally.add("message repeated")
      this.fly(message, path)
    }
  }

  private fly(message: Message, path: Path): void {
    const { agenda, chance, plan, tally } = this.options
    if (path.flying >= plan.pathMax) {
      tally.add("path full")
      return
    }
    path.flying++
    const delayMs = chance.exponential(this.healed ? 1 : plan.delayMs) + (this.slow.get(message.to) ?? 0)
    agenda.after(delayMs, () => this.land(message, path))
  }

  private land(message: Message, path: Path): void {
    if (path.clogged) {
      this.options.agenda.after(50, () => this.land(message, path))
      return
    }
    path.flying--
    // A cut that came while it was on its way holds it too, as a reset connection does.
    if (!path.cut) this.options.deliver(message)
  }

  private remember(remembered: Remembered): void {
    if (this.options.plan.staleEveryMs === 0) return
    if (remembered.message.type === "MsgSnap") this.snapshots.push(remembered)
    else if (this.memory.length < MEMORY_MAX_MESSAGES) this.memory.push(remembered)
    else if (this.options.chance.happens(0.1)) this.memory[this.options.chance.below(this.memory.length)] = remembered
  }

  /** One of the messages of long ago comes again. */
  replay(): void {
    const { chance, tally, incarnation, deliver } = this.options
    const memory = this.snapshots.length > 0 && chance.happens(0.1) ? this.snapshots : this.memory
    if (memory.length === 0) return
    const { message, incarnation: then } = chance.pick(memory)
    tally.add("stale message")
    if (incarnation(message.from) !== then) tally.add("stale message of an earlier life")
    deliver(message)
  }

  /** Cuts the servers in two, `victim` in the first part. One-way: nothing gets from one of the parts to the other. */
  partition(ids: readonly NodeId[], victim: NodeId, lastsMs: number): void {
    const { agenda, chance, plan, tally } = this.options
    const size = chance.happens(0.5) ? 1 : 1 + chance.below(Math.max(1, ids.length - 1))
    const part = new Set([victim, ...chance.sample(ids, size - 1)])
    const oneWay = chance.happens(plan.asymmetricRate)
    tally.add(oneWay ? "partition one-way" : "partition both ways")
    const outward = chance.happens(0.5)
    for (const a of ids) {
      for (const b of ids) {
        if (part.has(a) === part.has(b)) continue
        if (!oneWay || part.has(a) === outward) this.path(a, b).cut = true
      }
    }
    agenda.after(lastsMs, () =>
      this.mend((path) => {
        path.cut = false
      }),
    )
  }

  get isCut(): boolean {
    return [...this.paths.values()].some((to) => [...to.values()].some((path) => path.cut))
  }

  clog(ids: readonly NodeId[], lastsMs: number): void {
    const { agenda, chance, tally } = this.options
    const path = this.path(chance.pick(ids), chance.pick(ids))
    tally.add("path clogged")
    path.clogged = true
    agenda.after(lastsMs, () => {
      path.clogged = false
    })
  }

  /** One type of message does not get through: to one server, from one, or anywhere. */
  filter(ids: readonly NodeId[], lastsMs: number): void {
    const { agenda, chance } = this.options
    const type = chance.pick(FILTERED)
    const one = chance.pick(ids)
    const way = chance.below(3)
    const hit = ids.flatMap((a) =>
      ids.filter((b) => way === 0 || (way === 1 ? a === one : b === one)).map((b) => this.path(a, b)),
    )
    for (const path of hit) path.filtered = type
    agenda.after(lastsMs, () => {
      for (const path of hit) path.filtered = null
    })
  }

  /** From now on everything gets through, soon. */
  heal(): void {
    this.healed = true
    this.slow.clear()
    this.memory.length = 0
    this.mend((path) => {
      path.cut = false
      path.clogged = false
      path.filtered = null
    })
  }

  private mend(path: (path: Path) => void): void {
    for (const to of this.paths.values()) for (const each of to.values()) path(each)
  }

  private path(from: NodeId, to: NodeId): Path {
    const row = this.paths.get(from) ?? new Map<NodeId, Path>()
    this.paths.set(from, row)
    const path = row.get(to) ?? { flying: 0, cut: false, clogged: false, filtered: null }
    row.set(to, path)
    return path
  }
}
