/**
 * The checker against the definition: whatever a simulated store did is linearizable, and of a handful of operations,
 * likely or not, the checker says the same as trying every order.
 */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { check } from "../../scripts/linearize/checker.ts"
import type { Operation } from "../../scripts/linearize/history.ts"
import { judgeStore } from "../../scripts/linearize/judge.ts"
import { type KvAnswer, type KvCall, keyOfStore } from "../../scripts/linearize/kv.ts"
import type { Model } from "../../scripts/linearize/model.ts"
import { type RegisterAnswer, type RegisterCall, register } from "../../scripts/linearize/register.ts"
import { checkByBruteForce } from "../../scripts/linearize/testing/brute.ts"
import { simulate, type Turn } from "../../scripts/linearize/testing/simulate.ts"

const limits = { maxStates: 100_000, stop: () => false }
const options = { limits, explain: false }

const value = fc.constantFrom("1", "2", "3")
const registerCall: fc.Arbitrary<RegisterCall> = fc.oneof(
  fc.constant({ op: "read" as const }),
  fc.record({ op: fc.constant("write" as const), value }),
  fc.record({ op: fc.constant("cas" as const), expected: value, value }),
)

function turnsOf<Call>(call: fc.Arbitrary<Call>, clients: number, maxLength: number): fc.Arbitrary<Turn<Call>[]> {
  return fc.array(fc.record({ client: fc.nat(clients - 1), call, luck: fc.nat(9) }), { maxLength })
}

/** A register, as plainly as can be. */
function simulateRegister(turns: Turn<RegisterCall>[]): Operation<RegisterCall, RegisterAnswer>[] {
  let state: string | null = null
  return simulate<RegisterCall, RegisterAnswer>(turns, (call) => {
    if (call.op === "read") return { value: state }
    const matches = call.op === "write" || call.expected === state
    if (matches) state = call.value
    return call.op === "write" ? { written: true } : { swapped: matches }
  })
}

/** Each operation at a stretch of positions of its own: a pair of the permutation for each. */
function placed<Call, Answer>(
  pairs: { call: Call; answer: Answer | null }[],
  positions: number[],
): Operation<Call, Answer>[] {
  return pairs.map(({ call, answer }, index) => {
    const [one, other] = [positions[2 * index]!, positions[2 * index + 1]!]
    const returnedAt = answer === null ? Number.POSITIVE_INFINITY : Math.max(one, other)
    return { process: String(index), call, answer, invokedAt: Math.min(one, other), returnedAt }
  })
}

const OPERATIONS_MAX = 6
const positions = fc.shuffledSubarray([...Array(2 * OPERATIONS_MAX).keys()], { minLength: 2 * OPERATIONS_MAX })

function agrees<C, A, S>(model: Model<C, A, S>, operations: Operation<C, A>[]): void {
  const expected = checkByBruteForce(model, operations) ? "linearizable" : "not"
  expect(check(model, operations, limits).verdict).toBe(expected)
}

test("what a register did for clients at the same time is linearizable", () => {
  fc.assert(
    fc.property(turnsOf(registerCall, 5, 300), (turns) => {
      expect(check(register, simulateRegister(turns), limits).verdict).toBe("linearizable")
    }),
    { numRuns: 300 },
  )
})

test("a read that was falsified is noticed, unless another order explains it", () => {
  fc.assert(
    fc.property(turnsOf(registerCall, 3, 28), fc.nat(), value, (turns, which, lie) => {
      const operations = simulateRegister(turns).slice(0, 8)
      const reads = operations.filter(({ call, answer }) => call.op === "read" && answer !== null)
      const read = reads[which % Math.max(1, reads.length)]
      if (read !== undefined) read.answer = { value: lie }
      agrees(register, operations)
    }),
    { numRuns: 1500 },
  )
})

test("a read of what nobody wrote is always noticed", () => {
  fc.assert(
    fc.property(turnsOf(registerCall, 5, 200), fc.nat(), (turns, which) => {
      const operations = simulateRegister(turns)
      const reads = operations.filter(({ call, answer }) => call.op === "read" && answer !== null)
      fc.pre(reads.length > 0)
      reads[which % reads.length]!.answer = { value: "9" }
      expect(check(register, operations, limits).verdict).toBe("not")
    }),
    { numRuns: 200 },
  )
})

test("on any operations of a register the checker says the same as trying every order", () => {
  const pair = registerCall.chain((call) => {
    const answer: fc.Arbitrary<RegisterAnswer> =
      call.op === "read"
        ? fc.record({ value: fc.option(value, { nil: null }) })
        : call.op === "cas"
          ? fc.record({ swapped: fc.boolean() })
          : fc.constant({ written: true as const })
    return fc.record({ call: fc.constant(call), answer: fc.option(answer, { freq: 2 }) })
  })
  fc.assert(
    fc.property(fc.array(pair, { maxLength: OPERATIONS_MAX }), positions, (pairs, at) => {
      agrees(register, placed(pairs, at))
    }),
    { numRuns: 5000 },
  )
})

const revision = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined })
const kvCall = (key: fc.Arbitrary<string>, maxRevision: number): fc.Arbitrary<KvCall> =>
  fc.oneof(
    fc.record({ op: fc.constant("get" as const), key }),
    fc.record({ op: fc.constant("put" as const), key, value }),
    fc.record({ op: fc.constant("delete" as const), key }),
    fc.record({ op: fc.constant("cas" as const), key, expected: fc.nat(maxRevision), value }),
  )

test("on any operations of a key of the store the checker says the same as trying every order", () => {
  const pair = kvCall(fc.constant("k"), 5).chain((call) => {
    const answer: fc.Arbitrary<KvAnswer> =
      call.op === "get"
        ? fc.oneof(fc.record({ value, revision }), fc.constant({ value: null }))
        : call.op === "cas"
          ? fc.oneof(fc.record({ swapped: fc.constant(true), revision }), fc.constant({ swapped: false }))
          : fc.record({ revision })
    return fc.record({ call: fc.constant(call), answer: fc.option(answer, { freq: 2 }) })
  })
  fc.assert(
    fc.property(fc.array(pair, { maxLength: OPERATIONS_MAX }), positions, (pairs, at) => {
      agrees(keyOfStore, placed(pairs, at))
    }),
    { numRuns: 5000 },
  )
})

/** A store with one revision for all keys; `tells` says whether a write's answer tells its revision. */
function simulateStore(turns: Turn<KvCall>[], tells: boolean): Operation<KvCall, KvAnswer>[] {
  const entries = new Map<string, { value: string; revision: number }>()
  let now = 0
  const told = (): KvAnswer => (tells ? { revision: now } : {})
  const write = (key: string, text: string | null): KvAnswer => {
    if ((entries.get(key)?.value ?? null) === text) return told()
    now += 1
    if (text === null) entries.delete(key)
    else entries.set(key, { value: text, revision: now })
    return told()
  }
  return simulate<KvCall, KvAnswer>(turns, (call) => {
    const entry = entries.get(call.key)
    if (call.op === "get") return entry === undefined ? { value: null } : { ...entry }
    if (call.op !== "cas") return write(call.key, call.op === "put" ? call.value : null)
    if (call.expected !== (entry?.revision ?? 0)) return { swapped: false }
    return { swapped: true, ...write(call.key, call.value) }
  })
}

test("what a store did for clients at the same time is linearizable, and its revisions are in order", () => {
  const call = kvCall(fc.constantFrom("a", "b"), 30)
  fc.assert(
    fc.property(turnsOf(call, 4, 200), fc.boolean(), (turns, tells) => {
      const operations = simulateStore(turns, tells)
      fc.pre(operations.length > 0)
      expect(judgeStore(operations, options)).toEqual({ verdict: "linearizable", reason: [] })
    }),
    { numRuns: 200 },
  )
})
