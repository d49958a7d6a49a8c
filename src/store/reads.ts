/** The reading half of the port, over a reader: of the present state, or of one that is kept. */
import { checkReading } from "./command.ts"
import type { Entry, KeyNames, KvOptions, KvResult, KvVerb, Range, Reads, Session } from "./port.ts"
import { describe } from "./problems.ts"
import { nameAfter, type Reader } from "./reader.ts"
import { evaluate, type Problem } from "./verbs.ts"

export class StateReads implements Reads {
  readonly #reader: Reader
  readonly #revision: () => number
  readonly #check: () => void

  /** `check` throws when there is nothing to read any more. */
  constructor(reader: Reader, revision: () => number, check: () => void) {
    this.#reader = reader
    this.#revision = revision
    this.#check = check
  }

  get revision(): number {
    return this.#revision()
  }

  get(key: string): Entry | undefined {
    this.#check()
    return this.#reader.entry(key)
  }

  range(prefix: string, { after, limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number } = {}): Range {
    this.#check()
    const entries: Entry[] = []
    for (const entry of this.#reader.entries(prefix, after === undefined ? prefix : `${after}\0`)) {
      if (entries.length >= limit) return { entries, more: true, revision: this.revision }
      entries.push(entry)
    }
    return { entries, more: false, revision: this.revision }
  }

  keys(
    prefix: string,
    separator: string,
    { after, limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number } = {},
  ): KeyNames {
    this.#check()
    const names: string[] = []
    const from = after === undefined ? prefix : nameAfter(prefix, separator, after)
    if (from === null) return { names, more: false, revision: this.revision }
    for (const name of this.#reader.names(prefix, separator, from)) {
      if (names.length >= limit) return { names, more: true, revision: this.revision }
      names.push(name)
    }
    return { names, more: false, revision: this.revision }
  }

  lastChange(prefix: string): number {
    this.#check()
    return this.#reader.lastChange(prefix)
  }

  session(id: string): Session | undefined {
    this.#check()
    return this.#reader.session(id)
  }

  sessions(): Session[] {
    this.#check()
    return [...this.#reader.sessions()]
  }

  lastSessionChange(): number {
    this.#check()
    return this.#reader.lastSessionChange()
  }

  read(verbs: KvVerb[], { root = "" }: KvOptions = {}): KvResult {
    this.#check()
    const { revision } = this
    const empty = withoutKey(verbs, root)
    if (empty.length > 0) return refused(empty, revision, root)
    checkReading(verbs)
    const { results, problems } = evaluate(this.#reader, verbs, revision)
    return problems.length > 0 ? refused(problems, revision, root) : { ok: true, revision, results }
  }
}

/** Verbs that name no key but `root`, which only `delete-tree` may (as in Consul). */
export function withoutKey(verbs: KvVerb[], root: string): Problem[] {
  const problems: Problem[] = []
  for (const [index, verb] of verbs.entries())
    if (verb.key === root && verb.verb !== "delete-tree") problems.push({ index, code: "key_empty", verb })
  return problems
}

export function refused(problems: Problem[], revision: number, root: string): KvResult {
  return { ok: false, revision, problems: problems.map((problem) => describe(problem, root)) }
}
