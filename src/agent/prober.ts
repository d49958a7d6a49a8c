/**
 * Probes between this node and others, on the port that the overlay uses, so that what they meet is what its frames meet.
 * Small and full ones go out and ask for small and full answers; what comes back says all where both directions are open.
 * Where nothing does, the two tell each other over the control plane what they heard, so that the blocked direction has a
 * name. Every node answers, whether or not it has a network.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import {
  PROBE_HEARD_MAX,
  PROBE_PARTS_AT_ONCE_MAX,
  PROBE_PEERS_AT_ONCE_MAX,
  PROBE_RETRY_MS,
  PROBE_ROUND_MS,
  PROBE_ROUND_SEND_MS,
  PROBE_TRIES_MAX,
} from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { type Random, randomHex } from "../base/random.ts"
import type { Catalog } from "../model/catalog.ts"
import type { NodeRecord } from "../model/node.ts"
import type { ProbeReport, ProbeView, ProbeWish } from "../model/probe.ts"
import {
  decodeProbe,
  encodeProbe,
  PROBE_PAYLOAD_MAX_BYTES,
  PROBE_SMALL_BYTES,
  type Probe,
  probeClusterTag,
  probeNodeTag,
} from "../model/probe-packet.ts"
import { narrowestMember, overlayMtu } from "../model/views.ts"
import type { Cluster } from "../registry/port.ts"
import { AnswerRate, HeardProbes } from "./probe-answers.ts"
import { attemptKey, ProbeAttempt } from "./probe-attempt.ts"
import type { OnProbePacket, ProbeWire } from "./probe-wire.ts"

export interface ProberOptions {
  catalog: Catalog
  nodeId: string
  clusterId: string
  cluster: Pick<Cluster, "probeRound" | "reportProbe">
  openWire: (onPacket: OnProbePacket) => ProbeWire
  clock: Clock
  random: Random
  log: Log
}

export interface ProbeOptions {
  /** The payload of a full frame; by default what the overlay's derived MTU is. */
  full?: number
  /** Where full frames are lost, what passes is searched for. */
  largest?: boolean
}

/** Tries of each size while the largest one is searched for. */
const SEARCH_TRIES = 2

export class Prober {
  readonly #o: ProberOptions
  readonly #wire: ProbeWire
  readonly #rate: AnswerRate
  readonly #heard = new HeardProbes(PROBE_HEARD_MAX)
  readonly #attempts = new Map<string, ProbeAttempt>()
  /** Rounds of others that this node is at. */
  readonly #parts = new Set<string>()
  readonly #waits = new Set<() => void>()
  #byTag = new Map<string, NodeRecord>()
  #byTagAt = -1
  /** This node's own rounds over the control plane, one after another. */
  #rounds: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: ProberOptions) {
    this.#o = options
    this.#rate = new AnswerRate(options.clock)
    this.#wire = options.openWire((payload, source) => this.#receive(payload, source))
  }

  close(): void {
    this.#closed = true
    this.#wire.close()
    for (const wake of [...this.#waits]) wake()
  }

  /**
   * Probes these nodes, both ways: a few milliseconds where all is well, some seconds where it is not. Never rejects.
   * Views come in the order of the nodes.
   */
  async probe(nodes: readonly NodeRecord[], options: ProbeOptions = {}): Promise<ProbeView[]> {
    const views: ProbeView[] = []
    for (let at = 0; at < nodes.length && !this.#closed; at += PROBE_PEERS_AT_ONCE_MAX)
      views.push(...(await this.#probeSome(nodes.slice(at, at + PROBE_PEERS_AT_ONCE_MAX), options)))
    return views
  }

  /** Rounds that others have asked this node to take part in; those that it is at already go on. */
  takePart(wishes: readonly ProbeWish[]): void {
    for (const { asker, round } of wishes) {
      const key = attemptKey(round, asker)
      const node = this.#o.catalog.nodes.get(asker)
      // Who hears nothing would call every way blocked.
      if (!node || !this.#wire.hears(node.address)) continue
      if (this.#parts.has(key) || this.#parts.size >= PROBE_PARTS_AT_ONCE_MAX || this.#closed) continue
      this.#parts.add(key)
      void this.#sendFor(node, round).finally(() => this.#parts.delete(key))
    }
  }

  /** Sends to the asker for a while, then says what was heard of it. */
  async #sendFor(asker: NodeRecord, round: string): Promise<void> {
    const { clock, cluster, nodeId, log } = this.#o
    const end = clock.monotonic() + PROBE_ROUND_SEND_MS
    while (clock.monotonic() < end && !this.#closed) {
      this.#sendAsks(asker, round, this.#fullSize())
      await this.#wait(PROBE_RETRY_MS)
    }
    if (this.#closed) return
    const heard = this.#heard.of(round, probeNodeTag(asker.id))
    await cluster
      .reportProbe({ nodeId, asker: asker.id, round, ...heard })
      .catch((error) => log.debug("cannot tell what was heard of a probe", { why: asOvlError(error).message }))
  }

  async #probeSome(nodes: readonly NodeRecord[], options: ProbeOptions): Promise<ProbeView[]> {
    const full = Math.max(PROBE_SMALL_BYTES + 1, Math.min(PROBE_PAYLOAD_MAX_BYTES, options.full ?? this.#fullSize()))
    const round = randomHex(this.#o.random, 16)
    const attempts = nodes.map((node) => this.#begin(new ProbeAttempt(node, round, full)))
    await Promise.all(attempts.map((attempt) => this.#ask(attempt, PROBE_TRIES_MAX)))
    const silent = attempts.filter(({ small }) => !small)
    if (silent.length > 0) {
      this.#rounds = this.#rounds.then(() => this.#askOutOfBand(round, silent))
      await this.#rounds
    }
    for (const { key } of attempts) this.#attempts.delete(key)
    return Promise.all(
      attempts.map(async (attempt) => {
        const largest = options.largest ? await this.#largest(attempt) : null
        const heard = this.#heard.of(round, probeNodeTag(attempt.node.id))
        return attempt.view(heard, largest, this.#wire.hears(attempt.node.address))
      }),
    )
  }

  #begin(attempt: ProbeAttempt): ProbeAttempt {
    this.#attempts.set(attempt.key, attempt)
    return attempt
  }

  /** Asks until everything is answered, or as often as it may. */
  async #ask(attempt: ProbeAttempt, triesMax: number): Promise<void> {
    for (let tries = 0; tries < triesMax && !attempt.complete && !this.#closed; tries++) {
      this.#send(attempt)
      await this.#wait(PROBE_RETRY_MS, (wake) => attempt.onComplete(wake))
    }
  }

  #send(attempt: ProbeAttempt): void {
    attempt.sentAt = this.#o.clock.monotonic()
    attempt.refused = this.#sendAsks(attempt.node, attempt.round, attempt.full)
  }

  /** Who does not answer is asked over the control plane; meanwhile this node goes on sending. */
  async #askOutOfBand(round: string, silent: readonly ProbeAttempt[]): Promise<void> {
    const { cluster, nodeId, catalog, log } = this.#o
    const alive = silent.filter(({ node }) => catalog.alive.has(node.id))
    if (alive.length === 0 || this.#closed) return
    const others = alive.map(({ node }) => node.id)
    let over = false
    const reports = cluster
      .probeRound({ asker: nodeId, round }, others, PROBE_ROUND_MS)
      .catch((error): ProbeReport[] => {
        log.debug("cannot ask for a round of probes", { why: asOvlError(error).message })
        return []
      })
      .finally(() => {
        over = true
      })
    while (!over && !this.#closed) {
      for (const attempt of alive) if (!attempt.small) this.#send(attempt)
      await Promise.race([reports, this.#wait(PROBE_RETRY_MS)])
    }
    for (const report of await reports) {
      const attempt = alive.find(({ node }) => node.id === report.nodeId)
      if (attempt) attempt.report = report
    }
  }

  /** The largest payload that passes both ways; null where full ones do, or where not even small ones do. */
  async #largest({ node, full, small, fullThere, fullBack, complete }: ProbeAttempt): Promise<number | null> {
    if (!small || complete) return null
    let passes = PROBE_SMALL_BYTES
    let fails = full
    while (fails - passes > 1 && !this.#closed) {
      const attempt = new ProbeAttempt(node, randomHex(this.#o.random, 16), Math.floor((passes + fails) / 2))
      // A way that full frames pass need not be tried again.
      Object.assign(attempt, { fullThere, fullBack })
      this.#begin(attempt)
      await this.#ask(attempt, SEARCH_TRIES)
      this.#attempts.delete(attempt.key)
      if (attempt.complete) passes = attempt.full
      else fails = attempt.full
    }
    return passes
  }

  #receive(payload: Uint8Array, source: string | null): void {
    const { clusterId, nodeId, clock } = this.#o
    const probe = decodeProbe(payload)
    if (probe === null || this.#closed) return
    if (probe.cluster !== probeClusterTag(clusterId) || probe.to !== probeNodeTag(nodeId)) return
    const node = this.#member(probe.from)
    if (!node || node.id === nodeId || (source !== null && source !== node.address)) return
    if (probe.kind === "answer") {
      this.#attempts.get(attemptKey(probe.round, probe.from))?.take(probe, clock.monotonic(), clock.now())
      return
    }
    const isFull = probe.size > PROBE_SMALL_BYTES
    this.#heard.note(probe.round, probe.from, isFull ? { full: true } : { small: true })
    const { round, size, other } = probe
    if (this.#rate.take()) this.#sendOne(node, { kind: "answer", round, size: other, other: size })
  }

  /** A small ask for each size of answer, and a full one. Returns why one of them could not be sent. */
  #sendAsks(node: NodeRecord, round: string, full: number): string | null {
    const small = PROBE_SMALL_BYTES
    const refusals = [
      this.#sendOne(node, { kind: "ask", round, size: small, other: small }),
      this.#sendOne(node, { kind: "ask", round, size: full, other: small }),
      this.#sendOne(node, { kind: "ask", round, size: small, other: full }),
    ]
    return refusals.find((refusal) => refusal !== null) ?? null
  }

  #sendOne(node: NodeRecord, what: Pick<Probe, "kind" | "round" | "size" | "other">): string | null {
    const { catalog, nodeId, clusterId, clock } = this.#o
    const self = catalog.nodes.get(nodeId)
    if (!self) return "this node is not known yet"
    const probe = { ...what, cluster: clusterId, from: nodeId, to: node.id, time: clock.now() }
    return this.#wire.send(self.address, node.address, encodeProbe(probe))
  }

  #fullSize(): number {
    const narrowest = narrowestMember(this.#o.catalog.nodes.values())
    return narrowest ? overlayMtu(narrowest) : PROBE_PAYLOAD_MAX_BYTES
  }

  #member(tag: string): NodeRecord | undefined {
    const { catalog } = this.#o
    if (this.#byTagAt !== catalog.revision) {
      const members = [...catalog.nodes.values()].filter(({ state }) => state === "member")
      this.#byTag = new Map(members.map((node) => [probeNodeTag(node.id), node]))
      this.#byTagAt = catalog.revision
    }
    return this.#byTag.get(tag)
  }

  /** For a while, or until it is woken, or until the prober is closed. */
  #wait(ms: number, onWake: (wake: () => void) => void = () => {}): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel()
        this.#waits.delete(wake)
        resolve()
      }
      const cancel = this.#o.clock.after(ms, wake)
      this.#waits.add(wake)
      onWake(wake)
    })
  }
}
