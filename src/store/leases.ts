/**
 * The clocks of leases, and of sessions, which run as theirs do. A lease lives in the state; when it was last renewed is known here only, on the member that
 * leads. A lease that was not renewed for its time to live, and a little grace, is handed to `onExpired`, which proposes
 * its end. Whoever becomes the keeper of the clocks - after a restart, say - gives every lease its full time again.
 */
import type { Clock } from "../base/clock.ts"
import { LEASE_GRACE_MAX_MS, LEASE_RETRY_MS, LEASES_PER_EXPIRY_MAX } from "../base/limits.ts"
import type { Lease } from "./port.ts"

interface Timed {
  id: string
  session: boolean
  ttlMs: number
  grantRevision: number
  /** On the monotonic clock. */
  deadline: number
  /** Its end is proposed: it can be renewed no more. */
  ending: boolean
}

export type Expired = { id: string; grantRevision: number }[]

/** A timer that fires later than this after its time tells of a process that was held up, not of silent holders. */
const HELD_UP_MS = 1_000

export class LeaseClocks {
  readonly #clock: Clock
  readonly #onExpired: (leases: Expired) => void
  readonly #leases = new Map<string, Timed>()
  #cancel: (() => void) | null = null
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, onExpired: (leases: Expired) => void) {
    this.#clock = clock
    this.#onExpired = onExpired
  }

  has(id: string): boolean {
    return this.#leases.has(id)
  }

  /** A lease was granted, or was found when the store was opened: its time begins now. */
  start(id: string, ttlMs: number, grantRevision: number, session: boolean): void {
    const lease: Timed = { id, session, ttlMs, grantRevision, deadline: this.#deadline(ttlMs), ending: false }
    this.#leases.set(id, lease)
    this.#wake(lease.deadline)
  }

  end(id: string): void {
    this.#leases.delete(id)
    if (this.#leases.size === 0) this.close()
  }

  /** The lease as it goes on, or null where there is none, or none any more. */
  renew(id: string, session: boolean): Lease | null {
    const lease = this.#leases.get(id)
    if (lease?.session !== session || lease.ending) return null
    lease.deadline = this.#deadline(lease.ttlMs)
    return { id, ttlMs: lease.ttlMs }
  }

  /** The end of these leases could not be written: they live on, and are tried again a little later. */
  retry(leases: Expired): void {
    const deadline = this.#clock.monotonic() + LEASE_RETRY_MS
    for (const { id, grantRevision } of leases) {
      const lease = this.#leases.get(id)
      if (lease?.grantRevision === grantRevision) Object.assign(lease, { ending: false, deadline })
    }
    this.#wake(deadline)
  }

  /** Leases proper. */
  list(): Lease[] {
    const leases = [...this.#leases.values()].filter(({ session }) => !session)
    return leases.map(({ id, ttlMs }) => ({ id, ttlMs }))
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#wakeAt = Number.POSITIVE_INFINITY
  }

  #deadline(ttlMs: number): number {
    return this.#clock.monotonic() + ttlMs + Math.min(ttlMs / 4, LEASE_GRACE_MAX_MS)
  }

  /** Sees to it that the clocks are looked at by `time`; renewals only ever move that away, so one timer is enough. */
  #wake(time: number): void {
    if (time >= this.#wakeAt) return
    this.#cancel?.()
    this.#wakeAt = time
    this.#cancel = this.#clock.after(Math.max(0, Math.ceil(time - this.#clock.monotonic())), () => this.#look())
  }

  #look(): void {
    const now = this.#clock.monotonic()
    const late = now - this.#wakeAt
    this.#cancel = null
    this.#wakeAt = Number.POSITIVE_INFINITY
    const expired: Expired = []
    let next = Number.POSITIVE_INFINITY
    for (const lease of this.#leases.values()) {
      if (lease.ending) continue
      // While this process was held up it heard nobody; the holders get that time back.
      if (late > HELD_UP_MS) lease.deadline += late
      if (lease.deadline > now || expired.length >= LEASES_PER_EXPIRY_MAX) next = Math.min(next, lease.deadline)
      else {
        lease.ending = true
        expired.push({ id: lease.id, grantRevision: lease.grantRevision })
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#wake(next)
    if (expired.length > 0) this.#onExpired(expired)
  }
}
