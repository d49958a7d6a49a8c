/**
 * One simulated server: the real driver over a simulated disk. It can die at any moment, be started again on what its disk
 * has, stand still for a while, and stop by itself when its disk fails.
 */
import type { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Message } from "../../src/raft/message.ts"
import type { Raft } from "../../src/raft/raft.ts"
import type { NodeId } from "../../src/raft/types.ts"
import type { DiskRound, SnapshotOffer } from "../../src/store/replicated/port.ts"
import type { SimDisk } from "./disk.ts"
import { Driver } from "../../src/store/replicated/driver.ts"
import type { World } from "./world.ts"

/** What a paused server may have waiting: more is lost, as where a socket's buffer is full. */
const BACKLOG_MAX = 200
export const TICK_MS = 50

export class SimServer {
  readonly id: NodeId
  readonly nodeId: string
  readonly disk: SimDisk
  driver: Driver | null = null
  incarnation = 0
  /** It stopped by itself; somebody will start it again. */
  failed = false
  paused = false
  /** How fast its clock runs. */
  pace = 1
  private readonly world: World
  private backlog: (() => void)[] = []
  /** In this life something is noted and still to be done. */
  private processing = 0
  /** A write that failed, of which nobody knows whether it is on the disk. */
  private doubtful: DiskRound | null = null

  constructor(world: World, id: NodeId, nodeId: string, disk: SimDisk) {
    this.world = world
    this.id = id
    this.nodeId = nodeId
    this.disk = disk
  }

  get raft(): Raft | null {
    return this.driver?.raft ?? null
  }

  get appliedIndex(): number {
    return this.driver?.applied.index ?? 0
  }

  get isUp(): boolean {
    return this.driver !== null && !this.failed
  }

  get isLeader(): boolean {
    return this.isUp && this.driver?.raft.role === "leader"
  }

  start(): void {
    const { world, disk } = this
    this.incarnation++
    this.failed = false
    this.paused = false
    disk.attach({
      schedule: (round, finish) => world.disks.schedule(this, round, finish),
      before: (round) => world.writes(this, round),
      after: () => world.written(this),
    })
    const { incarnation } = this
    const alive = () => this.incarnation === incarnation && this.driver !== null
    this.driver = new Driver(
      {
        disk,
        send: (messages) => {
          for (const message of messages) world.sent(this, message)
        },
        fetch: (offer: SnapshotOffer) => world.snapshots.fetch(this, offer, alive),
        onApplied: (batch) => world.told(this, batch),
        onInstalled: () => world.oracle.installed(this),
        onRole: () => {},
        onMembers: () => {},
        onFatal: (error) => this.stopped(error),
        random: (below) => world.chance.below(below),
        monotonic: () => world.agenda.now,
        log: silentLog,
      },
      { self: this.nodeId, machine: world.machine },
    )
    world.oracle.started(this)
    this.do("starts", null, (driver) => driver.start())
    this.tickOn(incarnation)
  }

  /** It may stop only because its disk has failed. */
  private stopped(error: OvlError): void {
    this.failed = true
    if (this.doubtful === null) this.world.fatal ??= (error.cause as Error | undefined) ?? error
    this.world.failStop(this, error)
  }

  /** Dies at once. `keep`: the write that was on its way has reached the disk. */
  crash(keep: boolean): DiskRound | null {
    if (this.doubtful !== null) this.disk.settle(this.doubtful, keep)
    this.doubtful = null
    const round = this.disk.crash(keep)
    this.driver = null
    this.incarnation++
    this.backlog = []
    this.paused = false
    return round
  }

  /** A write failed: it may be on the disk all the same, which is seen when the server is started again. */
  doubt(round: DiskRound): void {
    this.doubtful = round
  }

  private tickOn(incarnation: number): void {
    this.world.agenda.after(TICK_MS * this.pace, () => {
      if (this.incarnation !== incarnation || this.driver === null) return
      // A process that stood still has missed its ticks; they are not made up for.
      if (!this.paused) this.do("tick", null, (driver) => driver.tick())
      this.tickOn(incarnation)
    })
  }

  receive(message: Message): void {
    if (this.driver === null) return
    if (this.paused && this.backlog.length >= BACKLOG_MAX) return
    this.whenAwake(() => this.do("hears", message, (driver) => driver.receive(message)))
  }

  /** Now, or when it goes on after a pause; never when it dies before. */
  whenAwake(work: () => void): void {
    if (this.paused) this.backlog.push(work)
    else work()
  }

  wake(): void {
    this.paused = false
    const { backlog } = this
    this.backlog = []
    for (const work of backlog) work()
  }

  /**
   * One step of this server, after which everything is looked at. What it leads to is done at once, or a moment later
   * together with what has come by then: the daemon does both.
   */
  do(what: string, about: Message | string | number | null, work: (driver: Driver) => void): void {
    const { driver, world } = this
    if (driver === null || this.failed) return
    const later = world.chance.happens(0.2)
    world.step(this, what, about, () => {
      work(driver)
      if (!later) driver.process()
    })
    if (!later || this.processing === this.incarnation) return
    this.processing = this.incarnation
    world.agenda.after(world.chance.below(3), () => this.whenAwake(() => this.process(driver)))
  }

  private process(driver: Driver): void {
    if (this.driver !== driver || this.failed) return
    this.processing = 0
    this.world.step(this, "goes on", null, () => driver.process())
  }
}
