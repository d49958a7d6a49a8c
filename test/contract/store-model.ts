/** A store as naive as can be - a list of all changes ever, searched anew for each question - to compare real ones with. */
import fc from "fast-check"
import type { Compare, Operation, TransactionResult } from "../../src/store/port.ts"
import { show } from "./store-fixture.ts"

interface ModelEntry {
  value: string
  flags: bigint
  createRevision: number
  modRevision: number
  lease: string | null
}

export class StoreModel {
  revision = 0
  readonly entries = new Map<string, ModelEntry>()
  readonly leases = new Set<string>()
  /** Every change of a key: which, and when. */
  readonly changes: { key: string; revision: number }[] = []

  transact(compare: Compare[], operations: Operation[]): TransactionResult | "lease_unknown" {
    const failed = compare.findIndex((condition) => !this.#holds(condition))
    const none = operations.map(() => 0)
    if (failed >= 0) return { succeeded: false, revision: this.revision, failed, changed: none }
    for (const operation of operations)
      if (operation.op === "put" && operation.lease && !this.leases.has(operation.lease)) return "lease_unknown"
    const changed = operations.map((operation) => this.#operate(operation))
    if (changed.some((count) => count > 0)) this.revision++
    return { succeeded: true, revision: this.revision, failed: -1, changed }
  }

  grant(id: string): void {
    this.leases.add(id)
    this.revision++
  }

  end(ids: string[]): void {
    const there = ids.filter((id) => this.leases.delete(id))
    for (const [key, entry] of [...this.entries]) if (entry.lease && there.includes(entry.lease)) this.#remove(key)
    if (there.length > 0) this.revision++
  }

  lastChange(prefix: string): number {
    return Math.max(0, ...this.changes.filter(({ key }) => key.startsWith(prefix)).map(({ revision }) => revision))
  }

  show(prefix = ""): string[] {
    const keys = [...this.entries.keys()].filter((key) => key.startsWith(prefix)).sort()
    return keys.map((key) => {
      const entry = this.entries.get(key)!
      return `${show({ key, lockIndex: 0, ...entry, value: Buffer.from(entry.value) })} since ${entry.createRevision}`
    })
  }

  #holds(condition: Compare): boolean {
    if ("lease" in condition) return this.leases.has(condition.lease) === condition.exists
    const entry = this.entries.get(condition.key)
    if ("exists" in condition) return (entry !== undefined) === condition.exists
    return (entry ? entry.modRevision : 0) === condition.modRevision
  }

  #operate(operation: Operation): number {
    if (operation.op === "put") return this.#put(operation)
    const gone = [...this.entries.keys()].filter((key) =>
      operation.op === "delete"
        ? key === operation.key
        : key.startsWith(operation.prefix) && !(operation.except ?? []).some((spared) => key.startsWith(spared)),
    )
    for (const key of gone) this.#remove(key)
    return gone.length
  }

  #put({ key, value, flags = 0n, lease }: Operation & { op: "put" }): number {
    const before = this.entries.get(key)
    const after = {
      value: `${Buffer.from(value)}`,
      flags,
      lease: lease === undefined ? (before?.lease ?? null) : lease,
    }
    if (before && before.value === after.value && before.flags === flags && before.lease === after.lease) return 0
    const revision = this.revision + 1
    this.entries.set(key, { ...after, createRevision: before?.createRevision ?? revision, modRevision: revision })
    this.changes.push({ key, revision })
    return 1
  }

  #remove(key: string): void {
    this.entries.delete(key)
    this.changes.push({ key, revision: this.revision + 1 })
  }
}

const LONG = "l".repeat(1_023)
export const KEYS = ["a", "a/", "a/b", "a/b/", "a/b/c", "a/bc", "ab", "ab/c/d", "b/\xff", "b/\xff/x", `${LONG}/x`]
KEYS.push(`${LONG}/`, `${LONG}//x`, `${LONG}/${LONG}${LONG}/y`, `${LONG}/${LONG}${LONG}/z`)
/** Whatever begins one of the keys may be asked for. */
export const PREFIXES = ["", "b", "b/", "q", "l", LONG, `${LONG}/${LONG}`, "a/b/c/d/", "ab/", "ab/c/", ...KEYS]
export const LEASES = ["s", "t"]

const key = fc.constantFrom(...KEYS)
const lease = fc.constantFrom(...LEASES)
const exists = fc.boolean()
const value = fc.constantFrom("", "1", "2").map((text) => Buffer.from(text))
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key, exists }),
  fc.record({ key, modRevision: fc.nat(8) }),
  fc.record({ lease, exists }),
)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant("put" as const), key, value }) },
  fc.record({ op: fc.constant("put" as const), key, value, flags: fc.constant(2n ** 64n - 1n) }),
  fc.record({ op: fc.constant("put" as const), key, value, lease: fc.option(lease) }),
  { weight: 3, arbitrary: fc.record({ op: fc.constant("delete" as const), key }) },
  fc.record({
    op: fc.constant("deletePrefix" as const),
    prefix: fc.constantFrom(...PREFIXES),
    except: fc.array(fc.constantFrom(...PREFIXES), { maxLength: 2 }),
  }),
)

export type Step =
  /** Asked for all at once, so that they may share a commit. */
  | { step: "transact"; burst: { compare: Compare[]; operations: Operation[] }[] }
  | { step: "grant" | "revoke"; lease: string }
  | { step: "expire" | "reopen" }

const transaction = fc.record({
  compare: fc.array(compare, { maxLength: 1 }),
  operations: fc.array(operation, { maxLength: 4 }),
})
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ step: fc.constant("transact" as const), burst: fc.array(transaction, { maxLength: 6 }) }),
    },
    { weight: 2, arbitrary: fc.record({ step: fc.constant("grant" as const), lease }) },
    fc.record({ step: fc.constant("revoke" as const), lease }),
    fc.record({ step: fc.constantFrom("expire" as const, "reopen" as const) }),
  ),
  { maxLength: 25 },
)
