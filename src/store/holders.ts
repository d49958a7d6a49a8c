/**
 * What is known beside the state of those who hold keys: the clocks of leases and sessions, which run on the leader of the
 * moment only, and which keys may not be locked for a while because their session has just ended.
 */
import type { Clock } from "../base/clock.ts"
import type { Applied } from "./applied.ts"
import { type Expired, LeaseClocks } from "./leases.ts"
import { LockDelays } from "./lockdelays.ts"
import type { Lease } from "./port.ts"

interface Held {
  ttlMs: number
  /** What made it: an expiry that was decided before does not hit it. */
  grantRevision: number
}

export class Holders {
  readonly #makeClocks: () => LeaseClocks
  readonly #delays: LockDelays
  readonly #sessions = new Map<string, Held>()
  readonly #leases = new Map<string, Held>()
  /** Null on a member that does not lead. */
  #clocks: LeaseClocks | null = null
  readonly #ending = new Set<Promise<unknown>>()

  constructor(clock: Clock, onExpired: (holders: Expired) => void) {
    this.#makeClocks = () => new LeaseClocks(clock, onExpired)
    this.#delays = new LockDelays(clock)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get leases(): number {
    return this.#leases.size
  }

  hasLease(id: string): boolean {
    return this.#leases.has(id)
  }

  /** One was granted or opened, or was found when the store was opened. */
  start(id: string, held: Held, session: boolean): void {
    const ids = session ? this.#sessions : this.#leases
    ids.set(id, held)
    this.#startClock(id, held, session)
  }

  /** Whoever takes the lead gives every holder its full time again; whoever loses it lets the clocks be. */
  lead(leads: boolean): void {
    this.#clocks?.close()
    this.#clocks = leads ? this.#makeClocks() : null
    for (const [id, held] of this.#leases) this.#startClock(id, held, false)
    for (const [id, held] of this.#sessions) this.#startClock(id, held, true)
  }

  /** All of them: another state has taken the place of theirs. */
  forget(): void {
    for (const id of [...this.#sessions.keys(), ...this.#leases.keys()]) this.#stop(id)
  }

  applied({ holders, freed }: Applied): void {
    for (const { id, session, present } of holders) {
      if (present) this.start(id, present, session)
      else this.#stop(id)
    }
    for (const { key, lockDelayMs } of freed) this.#delays.start(key, lockDelayMs)
  }

  /** The lease as it goes on, or null where there is none, or none any more. */
  renewLease(id: string): Lease | null {
    return this.#clocks?.renew(id, false) ?? null
  }

  /** Whether there still is a session; one without a clock goes on by itself. */
  renewSession(id: string): boolean {
    if (!this.#sessions.has(id) || this.#clocks === null) return false
    return !this.#clocks.has(id) || this.#clocks.renew(id, true) !== null
  }

  listLeases(): Lease[] {
    return Array.from(this.#leases, ([id, { ttlMs }]) => ({ id, ttlMs }))
  }

  /** The end of these could not be written. */
  retry(holders: Expired): void {
    this.#clocks?.retry(holders)
  }

  isDelayed(key: string): boolean {
    return this.#delays.has(key)
  }

  /** Something was proposed that may end sessions. */
  ending(proposed: Promise<unknown>): void {
    this.#ending.add(proposed)
    const done = (): void => {
      this.#ending.delete(proposed)
    }
    proposed.then(done, done)
  }

  get areEnding(): boolean {
    return this.#ending.size > 0
  }

  /** Resolves when nothing more is under way that may end sessions, so that `isDelayed` knows of all that they held. */
  async ended(): Promise<void> {
    while (this.#ending.size > 0) await Promise.allSettled([...this.#ending])
  }

  close(): void {
    this.#clocks?.close()
  }

  #startClock(id: string, { ttlMs, grantRevision }: Held, session: boolean): void {
    if (ttlMs > 0) this.#clocks?.start(id, ttlMs, grantRevision, session)
    else this.#clocks?.end(id)
  }

  #stop(id: string): void {
    this.#sessions.delete(id)
    this.#leases.delete(id)
    this.#clocks?.end(id)
  }
}
