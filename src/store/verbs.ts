/**
 * Consul's transaction verbs, as Consul's state store does them: each is evaluated over the effects of those before it,
 * all problems are gathered, and what came of it lies in a staging that the caller carries out or forgets. What counts as
 * a change, what becomes of a lock by a plain write, and the texts are those that Consul's clients know (CONSUL-API,
 * W6-W12, T1-T8).
 */
import { KV_RESULT_MAX_BYTES } from "../base/limits.ts"
import type { Entry, KvProblemCode, KvVerb } from "./port.ts"
import type { Reader } from "./reader.ts"
import { Staging } from "./staging.ts"

/** A problem before it is put in words: its text needs to know what the caller calls the key. */
export interface Problem {
  index: number
  code: KvProblemCode
  verb: KvVerb
  /** The session or the revision that was found where another was expected. */
  found?: string | number
}

export interface Evaluated {
  results: { index: number; entry: Entry }[]
  problems: Problem[]
  staging: Staging
}

const NO_BYTES = new Uint8Array()
const READING: ReadonlySet<KvVerb["verb"]> = new Set<KvVerb["verb"]>([
  "get",
  "get-or-empty",
  "get-tree",
  "check-index",
  "check-session",
  "check-not-exists",
])

export function onlyReads(verb: KvVerb): boolean {
  return READING.has(verb.verb)
}

/** `revision` is the one that the transaction makes if it changes anything. */
export function evaluate(reader: Reader, verbs: KvVerb[], revision: number): Evaluated {
  const evaluation = new Evaluation(reader, revision)
  for (const [index, verb] of verbs.entries()) evaluation.run(verb, index)
  return evaluation
}

class Evaluation implements Evaluated {
  readonly results: { index: number; entry: Entry }[] = []
  readonly problems: Problem[] = []
  readonly staging: Staging
  readonly #reader: Reader
  readonly #revision: number
  #bytes = 0

  constructor(reader: Reader, revision: number) {
    this.#reader = reader
    this.#revision = revision
    this.staging = new Staging(reader)
  }

  run(verb: KvVerb, index: number): void {
    const fail = (code: KvProblemCode, found?: string | number): void => {
      this.problems.push({ index, code, verb, found })
    }
    const before = verb.verb === "get-tree" || verb.verb === "delete-tree" ? undefined : this.staging.entry(verb.key)
    switch (verb.verb) {
      case "set":
        return this.#put(verb, index, before, before?.lease ?? null, 0)
      case "cas":
        if ((before?.modRevision ?? 0) !== verb.index) return fail("stale")
        return this.#put(verb, index, before, before?.lease ?? null, 0)
      case "lock": {
        if (verb.session === "") return fail("session_missing")
        if (!this.#reader.session(verb.session)) return fail("session_unknown")
        const holder = before?.lease ?? null
        if (holder !== null && holder !== verb.session) return fail("held")
        const lockIndex = (before?.lockIndex ?? 0) + (holder === null ? 1 : 0)
        return this.#put(verb, index, before, verb.session, lockIndex)
      }
      case "unlock":
        if (verb.session === "") return fail("session_missing")
        if (!before || before.lease !== verb.session) return fail("not_held")
        return this.#put(verb, index, before, null, before.lockIndex)
      case "delete":
        if (before) this.staging.remove(verb.key)
        return
      case "delete-cas":
        if (before && before.modRevision !== verb.index) return fail("stale")
        if (before) this.staging.remove(verb.key)
        return
      case "delete-tree":
        return this.staging.removePrefix(verb.key, verb.except ?? [])
      case "get":
        if (before) this.#read(before, index, fail)
        else fail("key_missing")
        return
      case "get-or-empty":
        this.#read(before ?? missing(verb.key), index, fail)
        return
      case "get-tree":
        for (const entry of this.staging.entries(verb.key)) if (!this.#read(entry, index, fail)) return
        return
      case "check-not-exists":
        return before ? fail("key_exists") : undefined
      case "check-index":
        if (!before) return fail("key_missing")
        return before.modRevision === verb.index ? this.#result(before, index) : fail("mismatch", before.modRevision)
      case "check-session":
        if (!before) return fail("key_missing")
        if ((before.lease ?? "") === verb.session) return this.#result(before, index)
        return fail("mismatch", before.lease ?? "")
    }
  }

  /** Writing what is there already is no change, and keeps its revision. */
  #put(
    { key, value, flags }: { key: string; value: Uint8Array; flags: bigint },
    index: number,
    before: Entry | undefined,
    lease: string | null,
    lockIndex: number,
  ): void {
    const same =
      before?.flags === flags &&
      before.lease === lease &&
      before.lockIndex === lockIndex &&
      sameBytes(before.value, value)
    if (same) return this.#result(before, index)
    const createRevision = before?.createRevision ?? this.#revision
    const entry: Entry = { key, value, flags, createRevision, modRevision: this.#revision, lockIndex, lease }
    this.staging.put(entry)
    this.#result(entry, index)
  }

  #result(entry: Entry, index: number): void {
    this.results.push({ index, entry: { ...entry, value: NO_BYTES } })
  }

  #read(entry: Entry, index: number, fail: (code: KvProblemCode) => void): boolean {
    this.#bytes += entry.key.length + entry.value.length
    if (this.#bytes > KV_RESULT_MAX_BYTES) {
      fail("too_large")
      return false
    }
    this.results.push({ index, entry })
    return true
  }
}

function missing(key: string): Entry {
  return { key, value: NO_BYTES, flags: 0n, createRevision: 0, modRevision: 0, lockIndex: 0, lease: null }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
