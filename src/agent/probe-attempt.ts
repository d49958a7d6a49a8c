/** What is known so far of the ways to one node and back: answers are put in, a view comes out. */
import type { NodeRecord } from "../model/node.ts"
import type { ProbeReport, ProbeView } from "../model/probe.ts"
import { PROBE_SMALL_BYTES, type Probe, probeNodeTag } from "../model/probe-packet.ts"
import type { Heard } from "./probe-answers.ts"

const SMALL = PROBE_SMALL_BYTES

export class ProbeAttempt {
  readonly node: NodeRecord
  readonly round: string
  /** The payload of a full frame. */
  readonly full: number
  /** Answered: the small ask, the full one, and the small one that asked for a full answer. */
  small = false
  fullThere = false
  fullBack = false
  /** Why this host did not send. */
  refused: string | null = null
  /** What the other node says that it heard. */
  report: ProbeReport | null = null
  /** When it was asked last, on the clock that never jumps. */
  sentAt = 0
  #ms: number | null = null
  #clockAheadMs: number | null = null
  #wake: () => void = () => {}

  constructor(node: NodeRecord, round: string, full: number) {
    this.node = node
    this.round = round
    this.full = full
  }

  get key(): string {
    return attemptKey(this.round, probeNodeTag(this.node.id))
  }

  get complete(): boolean {
    return this.small && this.fullThere && this.fullBack
  }

  /** `wake` is called when all is answered. */
  onComplete(wake: () => void): void {
    this.#wake = wake
  }

  /** An answer that came now: by the monotonic clock, and by the one that people read. */
  take({ size, other, time }: Probe, monotonic: number, now: number): void {
    if (size === SMALL && other === SMALL) {
      this.small = true
      this.#measure(monotonic - this.sentAt, time, now)
    }
    if (size === SMALL && other === this.full) this.fullThere = true
    if (size === this.full && other === SMALL) this.fullBack = true
    if (this.complete) this.#wake()
  }

  #measure(ms: number, theirs: number, now: number): void {
    if (this.#ms !== null) return
    this.#ms = Math.round(ms * 1_000) / 1_000
    this.#clockAheadMs = Math.round(theirs + ms / 2 - now)
  }

  /**
   * `heard`: what this node heard of the other one. `largest`: as far as it was looked for. `hears`: whether this node
   * can hear probes; if not, its silence says nothing.
   */
  view(heard: Heard, largest: number | null, hears: boolean): ProbeView {
    const { node, small, fullThere, fullBack, report } = this
    // One answer of whatever size shows that both ways are open.
    const open = small || fullThere || fullBack
    const silence = report === null || !hears ? null : false
    return {
      node: node.name,
      address: node.address,
      there: {
        small: open || (report?.small ?? null),
        full: open ? fullThere || report?.full === true : (report?.full ?? null),
      },
      back: {
        small: open || heard.small || heard.full || silence,
        full: open ? fullBack || heard.full : heard.full || silence,
      },
      ms: this.#ms,
      mtu: this.full,
      largest,
      clockAheadMs: this.#clockAheadMs,
      refused: small && fullThere ? null : this.refused,
    }
  }
}

export function attemptKey(round: string, nodeTag: string): string {
  return `${round}/${nodeTag}`
}
