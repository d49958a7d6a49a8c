/**
 * The consensus of one server: what is durable on its own disk is decided. Proposals wait in a bounded queue while a
 * commit is under way; the next commit takes all that wait, up to a bound, so that many callers share one flush of the
 * disk. A proposal that comes alone, on a disk that is quick, is committed on the spot: two changes of threads and their
 * wake-ups cost more than the disk does. Each command sees the effects of those before it, in the same commit too. Nobody
 * is answered before the commit is durable, and a commit that fails answers all of its proposers so and leaves no trace.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import {
  COMMIT_BATCH_MAX_BYTES,
  COMMIT_BATCH_MAX_COMMANDS,
  COMMIT_INLINE_MAX_BYTES,
  COMMIT_INLINE_MAX_MS,
  COMMIT_QUEUE_MAX_BYTES,
  COMMIT_QUEUE_MAX_COMMANDS,
} from "../base/limits.ts"
import type { Applied } from "./applied.ts"
import type { Backend } from "./backend.ts"
import type { Sized } from "./command.ts"
import type { Consensus, OnApplied } from "./consensus.ts"
import { Machine, type MachineOptions } from "./kv.ts"
import type { StoreStatus } from "./port.ts"
import type { Tables } from "./tables.ts"

interface Waiting extends Sized {
  resolve: (applied: Applied) => void
  reject: (error: OvlError) => void
}

export interface SingleServerOptions {
  backend: Backend
  /** That of the state as it was found. */
  revision: number
  onApplied: OnApplied
  clock: Clock
  machine?: MachineOptions
}

export class SingleServer implements Consensus {
  readonly #backend: Backend
  readonly #onApplied: OnApplied
  readonly #clock: Clock
  readonly #options: MachineOptions
  /** How long a commit takes of late. */
  #commitMs = 0
  #queue: Waiting[] = []
  #queuedBytes = 0
  #index: number
  #closed = false
  #working: Promise<void> | null = null

  constructor({ backend, revision, onApplied, clock, machine = {} }: SingleServerOptions) {
    this.#backend = backend
    this.#index = revision
    this.#onApplied = onApplied
    this.#clock = clock
    this.#options = machine
  }

  status(): StoreStatus {
    return { leader: true, term: 1, index: this.#index }
  }

  propose(proposal: Sized): Promise<Applied> {
    if (this.#closed) return Promise.reject(storeClosed())
    const full =
      this.#queue.length >= COMMIT_QUEUE_MAX_COMMANDS || this.#queuedBytes + proposal.bytes > COMMIT_QUEUE_MAX_BYTES
    if (full) return Promise.reject(storeBusy())
    const refusal = proposal.growing ? this.#backend.refusal() : null
    if (refusal) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...proposal, resolve, reject })
      this.#queuedBytes += proposal.bytes
      this.#working ??= this.#work()
    })
  }

  /** What this server has acknowledged, its reads show. */
  barrier(): Promise<void> {
    return this.#closed ? Promise.reject(storeClosed()) : Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#working
  }

  async #work(): Promise<void> {
    await this.#backend.endOfTurn()
    while (this.#queue.length > 0) await this.#commitSome()
    this.#working = null
  }

  async #commitSome(): Promise<void> {
    let batch: Waiting[] = []
    let applied: Applied[]
    const begun = this.#clock.monotonic()
    try {
      if (this.#isQuick()) {
        batch = this.#take()
        applied = this.#backend.commitNow((tables) => drain(this.#steps(tables, batch)))
      } else
        applied = await this.#backend.commit((tables, pause) => {
          // Taken only now, when the disk is ready, so that whoever came meanwhile comes along.
          batch = this.#take()
          return drainWithPauses(this.#steps(tables, batch), pause)
        })
    } catch (thrown) {
      this.#failed(batch.length > 0 ? batch : this.#take(), asOvlError(thrown, "write to the store"))
      return
    }
    this.#commitMs += (this.#clock.monotonic() - begun - this.#commitMs) / 8
    this.#index = applied.at(-1)?.revision ?? this.#index
    this.#onApplied(applied)
    for (const [i, effect] of applied.entries()) batch[i]!.resolve(effect)
  }

  /** Whether all that waits is one small proposal, and the disk is quick enough to wait for it here and now. */
  #isQuick(): boolean {
    const [first] = this.#queue
    if (!first?.brief || this.#queue.length > 1 || first.bytes > COMMIT_INLINE_MAX_BYTES) return false
    return this.#commitMs <= COMMIT_INLINE_MAX_MS
  }

  *#steps(tables: Tables, batch: Waiting[]): Generator<void, Applied[]> {
    const machine = new Machine(tables, this.#options)
    const effects: Applied[] = []
    for (const { command } of batch) effects.push(yield* machine.steps(command))
    machine.finish()
    return effects
  }

  /** From the front of the queue, what may share a commit; at least one. */
  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    while (count < this.#queue.length && count < COMMIT_BATCH_MAX_COMMANDS) {
      bytes += this.#queue[count]!.bytes
      if (bytes > COMMIT_BATCH_MAX_BYTES && count > 0) break
      count++
    }
    const batch = this.#queue.slice(0, count)
    this.#queue = this.#queue.slice(count)
    for (const taken of batch) this.#queuedBytes -= taken.bytes
    return batch
  }

  /**
   * Answers the proposers of a failed commit. On a full disk, those who only take something away may have failed because
   * of their company: they are tried again, and what grows in the queue is answered at once.
   */
  #failed(batch: Waiting[], error: OvlError): void {
    const full = error.code === "store_full"
    const mixed = full && batch.some((waiting) => waiting.growing)
    const doomed = full ? [...batch, ...this.#queue] : batch
    const kept = full ? doomed.filter((waiting, i) => !waiting.growing && (mixed || i >= batch.length)) : this.#queue
    const keptSet = new Set(kept)
    for (const waiting of doomed) if (!keptSet.has(waiting)) waiting.reject(error)
    this.#queue = kept
    this.#queuedBytes = kept.reduce((sum, waiting) => sum + waiting.bytes, 0)
  }
}

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** At once where it never pauses. */
function drainWithPauses<T>(steps: Generator<void, T>, pause: () => Promise<void>): T | Promise<T> {
  const first = steps.next()
  if (first.done) return first.value
  return (async () => {
    for (;;) {
      await pause()
      const step = steps.next()
      if (step.done) return step.value
    }
  })()
}

export function storeClosed(): OvlError {
  return new OvlError("store_closed", "use the store: it is closed", { kind: "unavailable" })
}

function storeBusy(): OvlError {
  return new OvlError("store_busy", "write to the store: too many writes are waiting for the disk", {
    kind: "unavailable",
    hint: "try again in a moment",
  })
}
