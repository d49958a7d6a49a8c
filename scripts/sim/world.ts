/**
 * A whole cluster and all that may befall it, in one process, on one seed. The same seed makes the same life, event by
 * event: there is no clock, no chance and no input but the agenda's, the plan's and the streams' that the seed begins.
 */
import type { OvlError } from "../../src/base/errors.ts"
import type { Message } from "../../src/raft/message.ts"
import { type ConfState, type Entry, type NodeId, NO_MEMBERS } from "../../src/raft/types.ts"
import type { Applied } from "../../src/store/applied.ts"
import type { MachineOptions } from "../../src/store/kv.ts"
import { decodeCommand } from "../../src/store/replicated/command-codec.ts"
import type { DiskRound } from "../../src/store/replicated/port.ts"
import { Agenda } from "./agenda.ts"
import { Chance } from "./chance.ts"
import { Clients } from "./clients.ts"
import { Tally } from "./coverage.ts"
import { SimDisk } from "./disk.ts"
import { Disks } from "./disks.ts"
import { Network } from "./network.ts"
import { Operator } from "./operator.ts"
import { checkSent } from "./oracle/messages.ts"
import { Oracle } from "./oracle/oracle.ts"
import { checkWrite, checkWritten } from "./oracle/writes.ts"
import type { Plan } from "./plan.ts"
import { SimServer } from "./server.ts"
import { Snapshots } from "./snapshots.ts"
import { Trace } from "./trace.ts"

const BASE = { term: 1, index: 1 }
const ELECTION_MS = 600

export class World {
  readonly agenda = new Agenda()
  readonly chance: Chance
  readonly plan: Plan
  readonly tally = new Tally()
  readonly trace = new Trace()
  readonly machine: MachineOptions = { tombstonesMax: 20 }
  readonly servers: SimServer[] = []
  readonly oracle: Oracle
  readonly network: Network
  readonly disks: Disks
  readonly snapshots: Snapshots
  readonly operator: Operator
  readonly clients: Clients
  steps = 0
  /** The faults have stopped. */
  calm = false
  /** What ends this life: a server stopped that had no reason to, or did what it must not. */
  fatal: Error | null = null
  private nextId = 1

  constructor(seed: number, plan: Plan) {
    this.chance = new Chance(seed)
    this.plan = plan
    const { agenda, chance, tally } = this
    const voters = Array.from({ length: plan.voters }, (_, i) => i + 1)
    this.oracle = new Oracle({
      base: BASE,
      voters,
      machine: this.machine,
      decode: (entry: Entry) => (entry.data.length === 0 ? undefined : decodeCommand(entry.data)),
      tally,
      isCut: () => this.network.isCut,
    })
    this.network = new Network({
      agenda,
      chance: chance.fork(),
      plan: plan.network,
      tally,
      deliver: (message) => this.server(message.to)?.receive(message),
      incarnation: (id) => this.server(id)?.incarnation ?? 0,
    })
    this.disks = new Disks(agenda, chance.fork(), plan.disk, tally)
    this.snapshots = new Snapshots(this)
    this.operator = new Operator(this)
    for (const _ of voters) this.add({ ...NO_MEMBERS, voters })
    this.clients = new Clients(this)
    this.planFaults()
  }

  server(id: NodeId): SimServer | undefined {
    return this.servers.find((server) => server.id === id)
  }

  /** A server that belongs to nobody yet: one that waits to be added, or a new one. */
  spare(): SimServer {
    const { configurations } = this.oracle.decided
    const known = ({ id }: SimServer) =>
      configurations.all.some(({ voters, learners }) => voters.has(id) || learners.has(id))
    return this.servers.find((server) => !known(server)) ?? this.add(NO_MEMBERS)
  }

  private add(members: ConfState): SimServer {
    const id = this.nextId++
    const isFirst = members.voters.length > 0
    const nodes = new Map(members.voters.map((voter) => [voter, nodeIdOf(voter)]))
    const disk = new SimDisk(isFirst ? BASE : { term: 0, index: 0 }, members, nodes)
    const server = new SimServer(this, id, nodeIdOf(id), disk)
    const { drift, slowMs } = this.plan.process
    server.pace = 1 + this.chance.between(-drift, drift)
    if (drift > 0) this.tally.add("clock drift")
    if (slowMs > 0 && this.chance.happens(0.3)) this.network.slow.set(id, slowMs)
    this.servers.push(server)
    this.oracle.enrol(server)
    server.start()
    return server
  }

  /** A server is gone for good, with its disk. */
  destroy(server: SimServer, why: string): void {
    this.trace.note(this.agenda.now, this.steps, server.id, why, null)
    server.crash(false)
    this.servers.splice(this.servers.indexOf(server), 1)
    this.oracle.forget(server.id)
  }

  /** Lets one thing happen at a server, and looks at what came of it. */
  step(server: SimServer, what: string, about: Message | string | number | null, work: () => void): void {
    this.steps++
    this.trace.note(this.agenda.now, this.steps, server.id, what, about)
    work()
    if (this.fatal !== null) throw this.fatal.cause ?? this.fatal
    this.oracle.look(server)
  }

  sent(server: SimServer, message: Message): void {
    this.guard(() => {
      if (server.failed) throw new Error(`${server.id} has stopped and still speaks`)
      // Acknowledgements may be right only because of what was decided in this very step.
      this.oracle.follow(server)
      checkSent(this.oracle, server, message)
    })
    this.network.send(message)
  }

  writes(server: SimServer, round: DiskRound): void {
    this.guard(() => {
      this.oracle.follow(server)
      checkWrite(this.oracle, server, round)
    })
    if (round.install !== null) this.tally.add("follower's log replaced by a snapshot")
  }

  written(server: SimServer): void {
    this.guard(() => checkWritten(this.oracle, server))
  }

  told(server: SimServer, batch: readonly Applied[]): void {
    this.guard(() => this.oracle.told(server, batch))
  }

  /** The driver catches what is thrown within it, and stops: what it was is kept here. */
  private guard(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.fatal ??= error as Error
      throw error
    }
  }

  failStop(server: SimServer, error: OvlError): void {
    this.tally.add("fail-stop")
    this.trace.note(this.agenda.now, this.steps, server.id, `stops: ${error.code}`, null)
    this.agenda.after(this.plan.process.downMs, () => {
      if (!server.failed) return
      this.crash(server)
      this.restart(server)
    })
  }

  crash(server: SimServer): void {
    if (server.driver === null) return
    const { tally, chance } = this
    const keep = chance.happens(0.5)
    const round = server.crash(keep)
    tally.add("crash")
    this.trace.note(
      this.agenda.now,
      this.steps,
      server.id,
      `dies${round === null ? "" : keep ? ", its write is kept" : ", its write is lost"}`,
      null,
    )
    if (round === null) return
    tally.add("crash with a write on its way")
    if (keep) tally.add("write kept that nobody heard of")
    if (!keep && round.entries.length > 0) tally.add("write lost with its entries")
    if (!keep && round.hardState?.vote) tally.add("vote lost with its write")
  }

  /** Its host resets the connections: some of the others know at once. Sometimes that is only the network's doing. */
  private reset(gone: SimServer): void {
    for (const server of this.servers) {
      if (server === gone || server.paused || !this.chance.happens(0.5)) continue
      server.do("is disconnected from", gone.id, (driver) => {
        driver.unreachable(gone.id)
        if (driver.raft.lead === gone.id) driver.leaderReset()
      })
    }
  }

  restart(server: SimServer): void {
    if (server.driver !== null || this.server(server.id) !== server) return
    this.trace.note(this.agenda.now, this.steps, server.id, "starts", null)
    server.start()
  }

  private planFaults(): void {
    const { network, process, members, disk } = this.plan
    const { chance, operator, network: wires } = this
    const ids = () => this.servers.map(({ id }) => id)
    this.nowAndThen(network.partitionEveryMs, () => {
      const victim = this.victim()
      wires.partition(ids(), victim.id, chance.exponential(network.partitionMs))
      if (chance.happens(0.2)) this.reset(victim)
    })
    this.nowAndThen(network.clogEveryMs, () => wires.clog(ids(), chance.exponential(network.clogMs)))
    this.nowAndThen(network.filterEveryMs, () => wires.filter(ids(), chance.exponential(network.filterMs)))
    this.nowAndThen(network.staleEveryMs, () => wires.replay())
    this.nowAndThen(process.crashEveryMs, () => this.crashAndRestart([this.victim()]))
    this.nowAndThen(process.blackoutEveryMs, () => {
      this.tally.add("everybody dead at once")
      this.crashAndRestart([...this.servers])
    })
    this.nowAndThen(process.pauseEveryMs, () => this.pause(this.victim()))
    this.nowAndThen(disk.fullEveryMs, () => this.fill(chance.pick(this.servers)))
    this.nowAndThen(members.changeEveryMs, () => operator.change())
    this.nowAndThen(members.changeEveryMs === 0 ? 0 : 5_000, () => operator.retire())
    this.nowAndThen(members.transferEveryMs, () => operator.transfer())
    this.nowAndThen(members.wipeEveryMs, () => operator.wipe())
  }

  /** Often the leader: what befalls it is what matters most. */
  private victim(): SimServer {
    const leader = this.servers.find((server) => server.isLeader && !server.paused)
    return leader !== undefined && this.chance.happens(0.5) ? leader : this.chance.pick(this.servers)
  }

  private nowAndThen(everyMs: number, work: () => void): void {
    if (everyMs === 0) return
    this.agenda.after(this.chance.exponential(everyMs), () => {
      if (this.calm) return
      work()
      this.nowAndThen(everyMs, work)
    })
  }

  private crashAndRestart(servers: SimServer[]): void {
    for (const server of servers) {
      this.crash(server)
      if (this.chance.happens(0.3)) this.reset(server)
      this.agenda.after(this.chance.exponential(this.plan.process.downMs), () => this.restart(server))
    }
  }

  private pause(server: SimServer): void {
    const { incarnation } = server
    const lastsMs = this.chance.exponential(this.plan.process.pauseMs)
    if (lastsMs > ELECTION_MS) this.tally.add("pause longer than an election")
    server.paused = true
    this.agenda.after(lastsMs, () => {
      if (server.incarnation === incarnation) server.wake()
    })
  }

  private fill(server: SimServer): void {
    server.disk.isFull = true
    this.tally.add("disk full")
    this.agenda.after(this.chance.exponential(2_000), () => {
      server.disk.isFull = false
    })
  }

  /** The faults stop: everything that still exists runs, and is connected. */
  calmDown(): void {
    this.calm = true
    this.network.heal()
    this.disks.heal()
    for (const server of this.servers) {
      server.disk.isFull = false
      if (server.paused) server.wake()
      if (server.failed) this.crash(server)
      this.restart(server)
    }
  }
}

/** Its first twelve digits are the raft id. */
export function nodeIdOf(id: NodeId): string {
  return id.toString(16).padStart(12, "0").padEnd(64, "e")
}
