/** A driver on a disk that writes when the test lets it: what it says and does before, after and without a write. */
import type { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import { systemClock } from "../../src/linux/system.ts"
import { type Message, message } from "../../src/raft/message.ts"
import type { Backend } from "../../src/store/backend.ts"
import { type Sized, transactionCommand } from "../../src/store/command.ts"
import { memoryBackend } from "../../src/store/memory-backend.ts"
import type { Operation } from "../../src/store/port.ts"
import { BackendDisk } from "../../src/store/replicated/disk.ts"
import { Driver } from "../../src/store/replicated/driver.ts"
import type { DiskRound } from "../../src/store/replicated/port.ts"
import { diskRound, firstRound } from "../../src/store/replicated/rounds.ts"

type Done = (error: OvlError | null) => void

class HeldDisk extends BackendDisk {
  held: { round: DiskRound; done: Done } | null = null
  full: OvlError | null = null

  override write(round: DiskRound, done: Done): void {
    this.held = { round, done }
  }

  override refusal(): OvlError | null {
    return this.full
  }

  async release(): Promise<void> {
    const { round, done } = this.held!
    this.held = null
    const error = await new Promise<OvlError | null>((resolve) => super.write(round, resolve))
    done(error)
  }

  fail(error: OvlError): void {
    const { done } = this.held!
    this.held = null
    done(error)
  }
}

export const nodeId = (id: number): string => `${id.toString(16).padStart(12, "0")}${"0".repeat(52)}`

export interface Bench {
  driver: Driver
  backend: Backend
  disk: HeldDisk
  /** Types of the messages that were sent, each once a call. */
  sent: () => string
  told: string[]
  keys: () => string
  propose: (operation: Operation) => void
}

/** `before`: what the disk has beside the very first round. */
export async function bench(voters: number[], before: Partial<DiskRound> = {}): Promise<Bench> {
  const backend = memoryBackend()
  const disk = new HeldDisk(backend, systemClock)
  disk.write({ ...firstRound(1, nodeId(1)), confState: conf(voters), members: named(voters) }, () => {})
  await disk.release()
  disk.write(diskRound(before), () => {})
  await disk.release()
  let messages: Message[] = []
  const told: string[] = []
  const driver = new Driver(
    {
      disk,
      send: (more) => void messages.push(...more),
      fetch: () => {},
      onApplied: (batch) => void told.push(...batch.map(({ revision }) => `applied ${revision}`)),
      onInstalled: () => {},
      onRole: () => {},
      onMembers: () => {},
      onFatal: ({ code }) => void told.push(`fatal ${code}`),
      random: () => 0,
      monotonic: () => 0,
      log: silentLog,
    },
    { self: nodeId(1) },
  )
  const sent = (): string => {
    const types = messages.map(({ type, to }) => `${type}>${to}`)
    messages = []
    return types.join(" ")
  }
  const propose = (operation: Operation): void => {
    const proposal: Sized = transactionCommand({ operations: [operation] }, 1)
    const end = (what: string): void => void told.push(`${operation.op} ${what}`)
    const error = driver.propose(proposal, (fate) => end("error" in fate ? fate.error.code : "done"))
    if (error) end(error.code)
    driver.process()
  }
  const keys = (): string => driver.state.tables.entries.pageKeys("", null, 99).join(" ")
  return { driver, backend, disk, sent, told, keys, propose }
}

export const conf = (voters: number[]) => ({
  voters,
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
})
export const named = (ids: number[]) => ({
  nodes: new Map(ids.map((id) => [id, nodeId(id)])),
  removed: new Set<number>(),
})
export const put = (key: string): Operation => ({ op: "put", key, value: new Uint8Array(3) })

export async function lead(at: Bench): Promise<void> {
  at.driver.start()
  at.driver.process()
  while (at.disk.held) await at.disk.release()
}

export async function leadThree(at: Bench): Promise<void> {
  at.driver.leaderReset()
  for (let i = 0; i < 8; i++) at.driver.tick()
  at.driver.process()
  at.driver.receive(message("MsgPreVoteResp", 1, { from: 2, term: 2 }))
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  at.driver.receive(message("MsgVoteResp", 1, { from: 2, term: 2 }))
  at.driver.process()
  while (at.disk.held) await at.disk.release()
  at.sent()
}
