/**
 * Clients: each asks one thing after the other, of whatever server it takes for the leader, and does not wait for ever. What
 * they are told is held against the reference machine at once: writes are at their place in the one order of all, reads
 * show all that was decided before they were asked for, and what was refused never happened.
 */
import type { Entry } from "../../src/store/port.ts"
import {
  type Sized,
  transactionCommand,
  kvCommand,
  openCommand,
  endCommand,
  grantCommand,
} from "../../src/store/command.ts"
import type { Operation as StoreOperation } from "../../src/store/port.ts"
import { Reader } from "../../src/store/reader.ts"
import type { Fate } from "../../src/store/replicated/port.ts"
import type { Operation } from "../linearize/history.ts"
import type { KvAnswer, KvCall } from "../linearize/kv.ts"
import type { Driver } from "../../src/store/replicated/driver.ts"
import type { SimServer } from "./server.ts"
import { violated } from "./violation.ts"
import type { World } from "./world.ts"

/** When there are no faults any more, all shall soon be over. */
const CALM_THINK_MS = 20
const ONLOOKER_THINK_MS = 15

/** What was answered so was not done, and never will be. Any other error leaves it open. */
const REFUSALS = new Set(["not_leader", "leader_changed", "store_busy", "store_full"])

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Client {
  name: string
  onlyReads: boolean
  /** Whom it takes for the leader. */
  server: SimServer
  /** The last operation; answers to earlier ones come too late. */
  turn: number
}

type Record = Operation<KvCall, KvAnswer>

export class Clients {
  readonly history: Record[] = []
  /** Something was done that a history of single keys cannot tell. */
  isExotic = false
  acknowledged = 0
  private readonly world: World
  private readonly clients: Client[]
  private readonly refused = new Set<number>()
  private readonly unknown = new Set<number>()
  private nextAt = 1
  private stopped = false

  constructor(world: World) {
    this.world = world
    const { count, onlookers } = world.plan.clients
    this.clients = Array.from({ length: count + onlookers }, (_, i) => ({
      name: `c${i}`,
      onlyReads: i >= count,
      server: world.chance.pick(world.servers),
      turn: 0,
    }))
    for (const client of this.clients) this.think(client)
  }

  stop(): void {
    this.stopped = true
  }

  private think(client: Client): void {
    const { agenda, chance, plan, calm } = this.world
    const wished = client.onlyReads ? ONLOOKER_THINK_MS : plan.clients.thinkMs
    const thinkMs = calm ? Math.min(wished, CALM_THINK_MS) : wished
    agenda.after(chance.exponential(thinkMs), () => this.ask(client))
  }

  private ask(client: Client): void {
    if (this.stopped) return
    const { world } = this
    const { chance, plan, agenda } = world
    if (!client.server.isUp || chance.happens(0.02)) client.server = this.guess()
    if (!client.server.isUp) return this.think(client)
    const turn = ++client.turn
    agenda.after(plan.clients.patienceMs, () => {
      if (client.turn !== turn) return
      if (!client.onlyReads && chance.happens(0.5)) client.server = this.guess()
      this.next(client)
    })
    const key = `k/${chance.below(plan.clients.keys)}`
    if (client.onlyReads || chance.happens(plan.clients.readRate)) this.read(client, turn, key)
    else this.write(client, turn, key)
  }

  private guess(): SimServer {
    const { chance, servers } = this.world
    const leaders = servers.filter((server) => server.isLeader)
    return leaders.length > 0 && chance.happens(0.7) ? chance.pick(leaders) : chance.pick(servers)
  }

  private next(client: Client): void {
    client.turn++
    this.think(client)
  }

  /** A question arrives; at a server that stands still, when it goes on. */
  private reach(server: SimServer, what: string, about: string | number, work: (driver: Driver) => void): void {
    server.whenAwake(() => server.do(what, about, work))
  }

  private begin(client: Client, call: KvCall): Record {
    const { steps } = this.world
    const record = { process: client.name, call, answer: null, invokedAt: steps, returnedAt: Number.POSITIVE_INFINITY }
    this.history.push(record)
    return record
  }

  private write(client: Client, turn: number, key: string): void {
    const { world } = this
    const at = this.nextAt++
    const { sized, call } = this.draw(key, at)
    const record = call === null ? null : this.begin(client, call)
    let answers = 0
    this.unknown.add(at)
    this.reach(client.server, "is asked to write", at, (driver) => {
      const settle = (fate: Fate): void => {
        if (++answers > 1) violated("I14", `the command ${at} was answered twice`)
        this.answered(at, fate)
        const inTime = client.turn === turn
        if (record !== null && "error" in fate && this.refused.has(at)) {
          this.history.splice(this.history.lastIndexOf(record), 1)
        } else if (record !== null && inTime && "applied" in fate) {
          const { revision, outcome } = fate.applied
          const swapped = call?.op === "cas" ? { swapped: outcome.type === "done" } : {}
          record.answer = "swapped" in swapped && !swapped.swapped ? swapped : { revision, ...swapped }
          record.returnedAt = world.steps
        }
        if (!inTime) return
        if ("error" in fate) client.server = this.guess()
        this.next(client)
      }
      const refusal = driver.propose(sized, settle)
      if (refusal !== null) settle({ error: refusal })
    })
  }

  /** I13, I14: what a client is told is what the reference machine came to. */
  private answered(at: number, fate: Fate): void {
    const { oracle, tally } = this.world
    const index = oracle.decided.find(at)
    if ("error" in fate) {
      if (!REFUSALS.has(fate.error.code)) return
      this.refused.add(at)
      this.unknown.delete(at)
      tally.add("write refused")
      if (index !== undefined) violated("I14", `the command ${at} was refused (${fate.error.code}) and is at ${index}`)
      return
    }
    if (index === undefined) violated("I13", `the command ${at} was acknowledged and is not decided`)
    const expected = oracle.decided.place(index)!.effect!
    const { applied } = fate
    if (applied.revision !== expected.revision || applied.outcome.type !== expected.outcome.type) {
      violated(
        "I14",
        `the command ${at} was answered with ${applied.revision}, entry ${index} made ${expected.revision}`,
      )
    }
    if (applied.outcome.type === "compare_failed") tally.add("compare failed")
    this.unknown.delete(at)
    this.acknowledged++
    tally.add("write acknowledged")
  }

  private draw(key: string, at: number): { sized: Sized; call: KvCall | null } {
    const { chance, plan, oracle } = this.world
    const text = `v${at}`
    const value = encoder.encode(text)
    const change = (operations: StoreOperation[]) => transactionCommand({ operations }, at)
    const lot = chance.below(100)
    if (lot < 60) return { sized: change([{ op: "put", key, value }]), call: { op: "put", key, value: text } }
    if (lot < 70) return { sized: change([{ op: "delete", key }]), call: { op: "delete", key } }
    if (lot < 95 || plan.clients.keys === 1) {
      // Mostly the right revision, sometimes an old one or none.
      const known = oracle.decided.value(key, Number.POSITIVE_INFINITY)
      const expected = chance.happens(0.8) && known?.value != null ? known.revision : chance.below(2)
      const compare = [{ key, modRevision: expected }]
      const sized = transactionCommand({ compare, operations: [{ op: "put", key, value }] }, at)
      return { sized, call: { op: "cas", key, expected, value: text } }
    }
    this.isExotic = true
    return { sized: this.exotic(key, value, at), call: null }
  }

  /** Commands of other kinds: what they do to the state must be the same everywhere too. */
  private exotic(key: string, value: Uint8Array, at: number): Sized {
    const { chance } = this.world
    const session = `s${chance.below(3)}`
    const lot = chance.below(6)
    if (lot === 0) return transactionCommand({ operations: [{ op: "deletePrefix", prefix: "k/" }] }, at)
    if (lot === 1) return kvCommand([{ verb: "delete-tree", key: "k/1" }], at)
    if (lot === 2) return grantCommand("lease", 10_000, at)
    if (lot === 3) return endCommand(session, at)
    if (lot === 4) return kvCommand([{ verb: "lock", key, value, flags: 0n, session }], at)
    const rest = { name: "", node: "n", lockDelayMs: 0, ttl: "", ttlMs: 0, checks: [] }
    return openCommand({ id: session, behavior: "delete", ...rest }, at)
  }

  /** I17: a read shows all that anybody was shown before it was asked for. */
  private read(client: Client, turn: number, key: string): void {
    const { world } = this
    const { shown: floor, terms } = world.oracle
    const record = this.begin(client, { op: "get", key })
    const termsBefore = terms.count
    this.reach(client.server, "is asked to read", key, (driver) => {
      driver.barrier((error) => {
        if (driver.raft.pendingReads.length > 0) world.tally.add("read waited for the leader's first decision")
        const inTime = client.turn === turn
        if (error !== null) {
          this.history.splice(this.history.lastIndexOf(record), 1)
          if (!inTime) return
          client.server = this.guess()
          return this.next(client)
        }
        const reader = new Reader(driver.state.tables)
        const entry = reader.entry(key)
        this.saw(key, entry, reader.header().revision, floor)
        if (terms.count > termsBefore) world.tally.add("read answered while the lead changed")
        if (!inTime) return
        const value = entry === undefined ? null : decoder.decode(entry.value)
        record.answer = { value, ...(entry === undefined ? {} : { revision: entry.modRevision }) }
        record.returnedAt = world.steps
        this.next(client)
      })
      driver.process()
      if (driver.raft.pendingReads.length > 0) world.tally.add("read waited for the leader's first decision")
    })
  }

  private saw(key: string, entry: Entry | undefined, revision: number, floor: number): void {
    const { decided } = this.world.oracle
    if (revision < floor) violated("I17", `a read of ${key} shows revision ${revision}, ${floor} was shown before`)
    const expected = decided.value(key, revision)
    const value = entry === undefined ? null : decoder.decode(entry.value)
    if (value !== (expected?.value ?? null) || (entry !== undefined && entry.modRevision !== expected?.revision)) {
      violated("I17", `a read of ${key} shows ${value} at revision ${revision}, it is ${expected?.value ?? null}`)
    }
    this.world.tally.add("read answered")
  }

  /** At the end: what was refused never happened, and of what nobody knows some did and some did not. */
  settle(): void {
    const { oracle, tally } = this.world
    for (const at of this.refused) {
      if (oracle.decided.find(at) !== undefined) violated("I14", `the command ${at} was refused, and is decided`)
    }
    for (const at of this.unknown) {
      tally.add(
        oracle.decided.find(at) === undefined ? "write unknown that never was" : "write unknown that was decided",
      )
    }
  }

  /** All that is left unanswered, at the end: nothing may be when nothing fails. */
  get waiting(): number {
    return this.unknown.size
  }
}
