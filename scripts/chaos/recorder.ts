/**
 * What all clients saw, in the order in which this process saw it: a history as docs/linearizability.md describes it,
 * which `scripts/linearize.ts` can judge again later. Stale reads are kept beside it, since they promise less.
 */
import type { KvCall } from "../linearize/kv.ts"
import type { Outcome } from "./request.ts"

const HEADER = JSON.stringify({ history: "kv", version: 1 })

/** A read that any node may answer from what it has. Places are lines of the history. */
export interface StaleRead {
  /** The node, and which life of its process. */
  source: string
  key: string
  value: string | null
  /** Of the value; null where there is none. */
  revision: number | null
  /** The state that it was answered from: at least so new. */
  index: number
  invokedAt: number
  returnedAt: number
}

/** A value that somebody asked to be written. */
export interface Attempt {
  invokedAt: number
}

export class HistoryRecorder {
  readonly #lines: string[] = [HEADER]
  readonly stale: StaleRead[] = []
  /** By key and value: each value is asked for once. */
  readonly attempts = new Map<string, Attempt>()
  readonly counts = { ok: 0, fail: 0, info: 0, stale: 0 }
  readonly keys = new Set<string>()
  readonly pairs = new Set<string>()
  /** Why operations failed or were lost, and how often. */
  readonly notes = new Map<string, number>()

  /** The line that the next event will stand on. */
  get line(): number {
    return this.#lines.length + 1
  }

  /** To be called right before the request is sent. */
  invoke(process: string, call: KvCall, isPair = false): void {
    ;(isPair ? this.pairs : this.keys).add(call.key)
    if ("value" in call) this.attempts.set(attemptOf(call.key, call.value), { invokedAt: this.line })
    this.#write({ process, type: "invoke", ...call, time: performance.now() })
  }

  /** To be called when the answer has come. */
  outcome(process: string, outcome: Outcome, source: string): void {
    this.counts[outcome.type]++
    const time = performance.now()
    if (outcome.type === "ok") this.#write({ process, type: "ok", ...outcome.answer, time, note: source })
    else {
      this.#note(outcome.note)
      this.#write({ process, type: outcome.type, time, note: `${source}: ${outcome.note}` })
    }
  }

  staleRead(read: StaleRead): void {
    this.counts.stale++
    this.stale.push(read)
  }

  text(): string {
    return `${this.#lines.join("\n")}\n`
  }

  #write(event: object): void {
    this.#lines.push(JSON.stringify(event))
  }

  #note(note: string): void {
    const short = note.replaceAll(/\d+/g, "N").slice(0, 120)
    this.notes.set(short, (this.notes.get(short) ?? 0) + 1)
  }
}

export function attemptOf(key: string, value: string): string {
  return `${key} = ${value}`
}
