/**
 * How anything is done at the leader, whoever leads: here, or over a connection to it; and again, where it certainly was
 * not done because the lead had changed. What may have been done is done again only where twice is as good as once. All
 * of it is bounded: without a leader it fails after LEADER_WAIT_MS.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError, OvlError } from "../base/errors.ts"
import { LEADER_GRACE_MS, LEADER_RETRY_MS, LEADER_WAIT_MS } from "../base/limits.ts"
import type { PeerConnection } from "../transport/port.ts"
import type { LeaderLink } from "./forwarding-port.ts"
import type { Replication } from "./replication.ts"

export interface LeaderRouteOptions {
  /** Whether this member leads, as far as it knows. */
  leads: () => boolean
  replication: Replication
  leader: LeaderLink
  clock: Clock
}

export interface Errand<T> {
  /** For messages: `write to the store`. */
  what: string
  /** `doubt`: it may have been done before, and this is done again. */
  here(doubt: boolean): Promise<T>
  there(connection: PeerConnection, doubt: boolean): Promise<T>
  /** Doing it twice is as good as doing it once, whatever others do in between. */
  again: boolean
}

/** A call that waits for the answer of a member that should be the leader. */
interface Pending {
  target: string
  /** It leads no more: does not wait much longer. */
  lost(): void
}

/** Not done, for certain: another one leads, or the one that led stopped before it took the call. */
const NOT_DONE = new Set([
  "not_leader",
  "leader_changed",
  "no_leader",
  "leader_unreachable",
  "server_starting",
  "store_closed",
])
/** Perhaps done. */
const IN_DOUBT = new Set(["outcome_unknown", "peer_closed", "peer_timeout", "leader_lost"])

export class LeaderRoute {
  readonly #options: LeaderRouteOptions
  readonly #pending = new Set<Pending>()
  readonly #waiting = new Set<() => void>()
  readonly #unlisten: () => void
  #closed = false

  constructor(options: LeaderRouteOptions) {
    this.#options = options
    this.#unlisten = options.replication.onChange(() => this.#changed())
  }

  /**
   * Rejects with what the errand rejects with; with `no_leader` where there is none; with `outcome_unknown` where it may
   * have been done: both unavailable. With `store_closed` after `close`.
   */
  async run<T>(errand: Errand<T>): Promise<T> {
    const { clock, leads } = this.#options
    const deadline = clock.monotonic() + LEADER_WAIT_MS
    for (let doubt = false; ; ) {
      try {
        if (this.#closed) throw storeClosed()
        return await (leads() ? errand.here(doubt) : this.#there(errand, doubt, deadline))
      } catch (thrown) {
        const error = asOvlError(thrown, errand.what)
        if (!NOT_DONE.has(error.code) && !IN_DOUBT.has(error.code)) throw error
        doubt ||= IN_DOUBT.has(error.code)
        if (doubt && (this.#closed || !errand.again)) throw outcomeUnknown(errand.what, error)
        if (this.#closed || (error.code === "store_closed" && leads())) throw error
        const leftMs = deadline - clock.monotonic()
        if (leftMs <= 0) throw doubt ? outcomeUnknown(errand.what, error) : noLeader(errand.what, error)
        await this.#changeOr(Math.min(LEADER_RETRY_MS, leftMs))
      }
    }
  }

  /** The answer of a member, or a rejection with `leader_lost` some time after it has ceased to lead. */
  watched<T>(target: string, answer: Promise<T>): Promise<T> {
    const { clock, replication } = this.#options
    return new Promise((resolve, reject) => {
      let cancel: (() => void) | null = null
      const over = () => {
        cancel?.()
        this.#pending.delete(pending)
      }
      const late = () => {
        over()
        reject(new OvlError("leader_lost", "waiting for the leader: it leads no more", { kind: "unavailable" }))
      }
      const pending: Pending = {
        target,
        lost: () => {
          cancel ??= clock.after(LEADER_GRACE_MS, late)
        },
      }
      this.#pending.add(pending)
      answer.finally(over).then(resolve, reject)
      if (replication.status().leader !== target) pending.lost()
    })
  }

  close(): void {
    this.#closed = true
    this.#unlisten()
    this.#changed()
  }

  async #there<T>(errand: Errand<T>, doubt: boolean, deadline: number): Promise<T> {
    const connection = await this.#connection(errand.what, deadline)
    return this.watched(connection.remote.identity.nodeId, errand.there(connection, doubt))
  }

  /** Not longer than until `deadline`, whatever the link does. */
  #connection(what: string, deadline: number): Promise<PeerConnection> {
    const { clock, leader } = this.#options
    return new Promise((resolve, reject) => {
      const cancel = clock.after(Math.max(0, deadline - clock.monotonic()), () => reject(noLeader(what)))
      leader.connection().finally(cancel).then(resolve, reject)
    })
  }

  #changed(): void {
    for (const go of [...this.#waiting]) go()
    if (this.#pending.size === 0) return
    const { leader } = this.#options.replication.status()
    for (const pending of this.#pending) if (this.#closed || pending.target !== leader) pending.lost()
  }

  /** Resolves at the next change of the replication, after `ms` at the latest. */
  #changeOr(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        cancel()
        this.#waiting.delete(go)
        resolve()
      }
      const cancel = this.#options.clock.after(ms, go)
      this.#waiting.add(go)
    })
  }
}

export function noLeader(what: string, cause?: unknown): OvlError {
  return new OvlError("no_leader", `${what}: no server leads the cluster at this moment`, {
    kind: "unavailable",
    hint: "more than half of the servers must run and reach each other; ovl raft ls tells who is missing",
    cause,
  })
}

export function outcomeUnknown(what: string, cause?: unknown): OvlError {
  if (cause instanceof OvlError && cause.code === "outcome_unknown") return cause
  return new OvlError("outcome_unknown", `${what}: the leader was lost before it answered; perhaps it was done`, {
    kind: "unavailable",
    hint: "look whether it was done before you try again",
    cause,
  })
}

function storeClosed(): OvlError {
  return new OvlError("store_closed", "use the store: it is closed", { kind: "unavailable" })
}
