/**
 * The audit: one line for every change that was asked of this node, done or refused. Who asked is what the door and the
 * checked token say, never what the request says of itself; values, tokens and keys of the cluster are in no line.
 * What applications do all day, keys and sessions, is left out unless it is wanted; that and refused requests are bounded
 * each second, and what went over the bound is counted and told.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import {
  AUDIT_EVERYDAY_LINES_PER_SECOND_MAX,
  AUDIT_OBJECT_MAX_CHARS,
  AUDIT_REFUSED_LINES_PER_SECOND_MAX,
} from "../base/limits.ts"
import type { Bindings } from "./context.ts"

/** `changes`: what is done to the cluster and this node. `all`: to keys and sessions, too. */
export type AuditScope = "changes" | "all"

/** What was asked for. */
export interface AuditedChange {
  /** Noun and verb, as on the command line where there is such a command: `network create`. */
  what: string
  /** The name or id of what was to be changed; empty where there is none. */
  object: string
}

/** What came of it. */
export interface AuditedOutcome {
  /** The store's revision of the change; where the node is not told that, the one that it had reached by then. */
  revision?: number
  /** The code of the error. */
  error?: string
}

/** One line. A type, so that it can be given as fields of a log line. */
export type AuditLine = AuditedChange &
  AuditedOutcome & {
    /** `socket`, `token/<id>`, `node/<name>`, or `nobody`: over TCP where no token is asked for, or before it was accepted. */
    who: string
    /** `local`, an address and port, or the node that passed the request on. */
    from: string
    /** The node that was asked. */
    node: string
  }

/** Where lines go; and, in the place of those that went over the bound, how many there were. */
export interface AuditSink {
  line(line: AuditLine): void
  leftOut(count: number, of: Crowd): void
}

export interface AuditOptions {
  scope: AuditScope
  node: string
  clock: Clock
  sinks: readonly AuditSink[]
}

/** Who asks, as far as it has been proved. */
export interface Asker {
  who: string
  from: string
}

/**
 * What there may be any number of: what applications do all day, and what is refused at the door, where everybody may knock.
 * Each has a bound of its own, so that the one cannot hide the other.
 */
export type Crowd = "everyday" | "refused"

const SECOND_MS = 1_000

export class Audit {
  readonly scope: AuditScope
  readonly #node: string
  readonly #sinks: readonly AuditSink[]
  readonly #bounds: Record<Crowd, LinesPerSecond>

  constructor({ scope, node, clock, sinks }: AuditOptions) {
    this.scope = scope
    this.#node = node
    this.#sinks = sinks
    const bound = (crowd: Crowd, max: number) =>
      new LinesPerSecond(max, clock, (count) => {
        for (const sink of sinks) sink.leftOut(count, crowd)
      })
    this.#bounds = {
      everyday: bound("everyday", AUDIT_EVERYDAY_LINES_PER_SECOND_MAX),
      refused: bound("refused", AUDIT_REFUSED_LINES_PER_SECOND_MAX),
    }
  }

  /** `crowd` is null for what is told whatever there is of it: each is a change of the cluster. */
  write(asker: Asker, { what, object }: AuditedChange, outcome: AuditedOutcome, crowd: Crowd | null): void {
    if (crowd !== null && !this.#bounds[crowd].hasRoom()) return
    const { who, from } = asker
    const line = { who, from, node: this.#node, what, object: shown(object), ...outcome }
    for (const sink of this.#sinks) sink.line(line)
  }

  /** Tells what has been left out and not been told yet. */
  close(): void {
    for (const bound of Object.values(this.#bounds)) bound.close()
  }
}

/** Lets so many pass in each second, and tells how many it did not, a second after the first of them at the latest. */
class LinesPerSecond {
  readonly #max: number
  readonly #clock: Clock
  readonly #tell: (count: number) => void
  #second = Number.NEGATIVE_INFINITY
  #passed = 0
  #leftOut = 0
  #cancelTelling: (() => void) | null = null

  constructor(max: number, clock: Clock, tell: (count: number) => void) {
    this.#max = max
    this.#clock = clock
    this.#tell = tell
  }

  hasRoom(): boolean {
    const now = this.#clock.monotonic()
    if (now - this.#second >= SECOND_MS) {
      this.#second = now
      this.#passed = 0
    }
    if (++this.#passed <= this.#max) return true
    this.#leftOut++
    this.#cancelTelling ??= this.#clock.after(SECOND_MS, () => this.#tellLeftOut())
    return false
  }

  close(): void {
    this.#cancelTelling?.()
    this.#tellLeftOut()
  }

  #tellLeftOut(): void {
    this.#cancelTelling = null
    const count = this.#leftOut
    this.#leftOut = 0
    if (count > 0) this.#tell(count)
  }
}

/** Of a request whose token, if it has one, has not been looked at yet: `accepted` makes it that token's. */
export function askerOf({ listener, remote }: Pick<Bindings, "listener" | "remote">): Asker {
  if (listener.kind === "unix") return { who: "socket", from: "local" }
  if (listener.kind === "peer") return { who: `node/${listener.node}`, from: listener.node }
  return { who: "nobody", from: remote() }
}

/** How an error stands in a line. */
export function outcomeOf(thrown: unknown): { outcome: AuditedOutcome; crowd: Crowd | null } {
  const { code, kind } = asOvlError(thrown)
  return { outcome: { error: code }, crowd: kind === "unauthorized" || kind === "forbidden" ? "refused" : null }
}

/** Bounded, and without what would make a terminal do something: it comes from whoever asks. */
function shown(object: string): string {
  const whole = object.length <= AUDIT_OBJECT_MAX_CHARS ? object : `${object.slice(0, AUDIT_OBJECT_MAX_CHARS)}...`
  return whole.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
}
