/**
 * Consul's verbs, sessions and lock-delays as naive as can be: the whole state is copied for each transaction, and the
 * copy thrown away where it fails; every change ever is kept in a list.
 */
import fc from "fast-check"
import type { Entry, KvProblemCode, KvVerb } from "../../src/store/port.ts"
import { show } from "./store-fixture.ts"

export interface ModelSession {
  node: string
  behavior: "release" | "delete"
  lockDelayMs: number
  ttlMs: number
  checks: string[]
}

type State = Map<string, Entry>
export type Answer = { revision: number; problems: string[] } | { revision: number; results: string[] }

export const full = (entry: Entry): string =>
  `${show(entry)} since ${entry.createRevision} locks ${entry.lockIndex} holder ${entry.lease}`

export class VerbsModel {
  revision = 0
  sessionsRevision = 0
  state: State = new Map()
  readonly sessions = new Map<string, ModelSession>()
  readonly changes: { key: string; revision: number }[] = []
  readonly delays = new Map<string, number>()

  kv(verbs: KvVerb[], now: number): Answer {
    const delayed = verbs.flatMap((verb, i) =>
      verb.verb === "lock" && (this.delays.get(verb.key) ?? 0) > now ? [`${i} delayed`] : [],
    )
    if (delayed.length > 0) return { revision: this.revision, problems: delayed }
    const next: State = new Map(this.state)
    const results: string[] = []
    const problems: string[] = []
    for (const [i, verb] of verbs.entries()) {
      const outcome = this.#run(verb, next)
      if (typeof outcome === "string") problems.push(`${i} ${outcome}`)
      else results.push(...outcome.map((entry) => `${i} ${full(entry)}`))
    }
    if (problems.length > 0) return { revision: this.revision, problems }
    this.#become(next)
    return { revision: this.revision, results }
  }

  open(id: string, session: ModelSession): void {
    this.sessions.set(id, session)
    this.sessionsRevision = ++this.revision
  }

  end(ids: string[], now: number): void {
    const next: State = new Map(this.state)
    const there = ids.filter((id) => this.sessions.has(id))
    for (const [key, entry] of this.state) {
      if (entry.lease === null || !there.includes(entry.lease)) continue
      const { behavior, lockDelayMs } = this.sessions.get(entry.lease)!
      if (behavior === "delete") next.delete(key)
      else next.set(key, { ...entry, lease: null, modRevision: this.revision + 1 })
      if (lockDelayMs > 0) this.delays.set(key, now + lockDelayMs)
    }
    for (const id of there) this.sessions.delete(id)
    if (there.length > 0) this.sessionsRevision = this.revision + 1
    this.#become(next, there.length > 0)
  }

  lastChange(prefix: string): number {
    return Math.max(0, ...this.changes.filter(({ key }) => key.startsWith(prefix)).map(({ revision }) => revision))
  }

  #become(next: State, anyway = false): void {
    const keys = new Set([...this.state.keys(), ...next.keys()])
    const changed = [...keys].filter((key) => this.state.get(key) !== next.get(key))
    if (changed.length > 0 || anyway) this.revision++
    for (const key of changed) this.changes.push({ key, revision: this.revision })
    this.state = next
  }

  #run(verb: KvVerb, next: State): KvProblemCode | Entry[] {
    const before = next.get(verb.key)
    const put = (lease: string | null, lockIndex: number): Entry[] => {
      const { value, flags } = verb as KvVerb & { verb: "set" }
      const same =
        before &&
        before.flags === flags &&
        before.lease === lease &&
        before.lockIndex === lockIndex &&
        `${before.value}` === `${value}`
      const revision = this.revision + 1
      const createRevision = before?.createRevision ?? revision
      const entry = same
        ? before
        : { key: verb.key, value, flags, lease, lockIndex, createRevision, modRevision: revision }
      next.set(verb.key, entry)
      return blank(entry)
    }
    switch (verb.verb) {
      case "set":
        return put(before?.lease ?? null, 0)
      case "cas":
        if (verb.index === 0 ? before : before?.modRevision !== verb.index) return "stale"
        return put(before?.lease ?? null, 0)
      case "lock":
        if (!this.sessions.has(verb.session)) return "session_unknown"
        if (before?.lease && before.lease !== verb.session) return "held"
        return put(verb.session, (before?.lockIndex ?? 0) + (before?.lease ? 0 : 1))
      case "unlock":
        return before?.lease === verb.session ? put(null, before.lockIndex) : "not_held"
      case "delete":
        next.delete(verb.key)
        return []
      case "delete-cas":
        if (before && before.modRevision !== verb.index) return "stale"
        next.delete(verb.key)
        return []
      case "delete-tree":
        for (const key of [...next.keys()])
          if (key.startsWith(verb.key) && !verb.except?.some((spared) => key.startsWith(spared))) next.delete(key)
        return []
      case "get":
        return before ? [before] : "key_missing"
      case "get-or-empty":
        return [before ?? missing(verb.key)]
      case "get-tree":
        return sorted(next).filter(({ key }) => key.startsWith(verb.key))
      case "check-not-exists":
        return before ? "key_exists" : []
      case "check-index":
        if (!before) return "key_missing"
        return before.modRevision === verb.index ? blank(before) : "mismatch"
      case "check-session":
        if (!before) return "key_missing"
        return (before.lease ?? "") === verb.session ? blank(before) : "mismatch"
    }
  }
}

export function sorted(state: State): Entry[] {
  return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

function blank(entry: Entry): Entry[] {
  return [{ ...entry, value: new Uint8Array() }]
}

function missing(key: string): Entry {
  return { key, value: new Uint8Array(), flags: 0n, createRevision: 0, modRevision: 0, lockIndex: 0, lease: null }
}

const LONG = "l".repeat(1_023)
export const KEYS = ["a", "a/", "a/b", "a/b/c", "ab", "b/\xff", `${LONG}/x`, `${LONG}/${LONG}/y`]
export const PREFIXES = ["a", "a/b", "b", "b/", LONG, `${LONG}/`, `${LONG}/${LONG}`, "q", ...KEYS]
export const IDS = ["s", "t", "u"]

const key = fc.constantFrom(...KEYS)
const session = fc.constantFrom(...IDS)
const value = fc.constantFrom("", "1", "2").map((text) => Buffer.from(text))
const flags = fc.constantFrom(0n, 0n, 2n ** 64n - 1n)
const index = fc.nat(12)
const kinds = <T extends string>(...verbs: T[]) => fc.constantFrom(...verbs)
const verb: fc.Arbitrary<KvVerb> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ verb: kinds("set"), key, value, flags }) },
  { weight: 2, arbitrary: fc.record({ verb: kinds("cas"), key, value, flags, index }) },
  { weight: 5, arbitrary: fc.record({ verb: kinds("lock", "lock", "unlock"), key, value, flags, session }) },
  { weight: 3, arbitrary: fc.record({ verb: kinds("delete", "get-or-empty", "get-or-empty", "get"), key }) },
  fc.record({ verb: kinds("check-not-exists"), key }),
  fc.record({ verb: kinds("get-tree"), key: fc.constantFrom(...PREFIXES) }),
  fc.record({ verb: kinds("delete-cas", "check-index"), key, index }),
  fc.record({
    verb: kinds("delete-tree"),
    key: fc.constantFrom("", ...PREFIXES),
    except: fc.array(fc.constantFrom(...PREFIXES), { maxLength: 2 }),
  }),
  fc.record({ verb: kinds("check-session"), key, session: fc.constantFrom("", ...IDS) }),
)

export type VerbStep =
  /** Asked for all at once, so that they may share a commit. */
  | { step: "kv"; burst: KvVerb[][] }
  | { step: "open"; id: string; session: ModelSession }
  | { step: "end"; id: string }
  | { step: "invalidate"; node: string }
  | { step: "wait" | "expire" | "reopen" | "restore" }

const spec = fc.record({
  node: fc.constantFrom("n1", "n2"),
  behavior: fc.constantFrom("release" as const, "delete" as const),
  lockDelayMs: fc.constantFrom(0, 0, 3_000),
  ttlMs: fc.constantFrom(0, 10_000),
  checks: fc.constantFrom<string[]>([], ["serfHealth"]),
})
const transaction = fc.oneof(
  { weight: 2, arbitrary: fc.array(verb, { minLength: 1, maxLength: 1 }) },
  fc.array(verb, { maxLength: 5 }),
)
export const verbSteps: fc.Arbitrary<VerbStep[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ step: kinds("kv"), burst: fc.array(transaction, { maxLength: 6 }) }) },
    { weight: 4, arbitrary: fc.record({ step: kinds("open"), id: session, session: spec }) },
    { weight: 2, arbitrary: fc.record({ step: kinds("end"), id: session }) },
    fc.record({ step: kinds("invalidate"), node: fc.constantFrom("n1", "n2") }),
    { weight: 2, arbitrary: fc.record({ step: kinds("wait", "expire", "reopen", "restore") }) },
  ),
  { maxLength: 25 },
)
