import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { type KeyState, type KvAnswer, type KvCall, keyOfStore } from "./kv.ts"

type Step = [KvCall, KvAnswer | null]

const get = (value: string | null, revision?: number): Step => [
  { op: "get", key: "k" },
  { value, revision },
]
const put = (value: string, revision?: number): Step => [{ op: "put", key: "k", value }, { revision }]
const remove = (revision?: number): Step => [{ op: "delete", key: "k" }, { revision }]
const cas = (expected: number, value: string, swapped: boolean, revision?: number): Step => [
  { op: "cas", key: "k", expected, value },
  { swapped, revision },
]

function run(...steps: Step[]): string {
  let state: KeyState | undefined = keyOfStore.initial
  for (const [index, [call, answer]] of steps.entries()) {
    state = keyOfStore.step(state, call, answer)
    if (state === undefined) return `impossible: step ${index + 1}`
  }
  return keyOfStore.stateText(state)
}

describe("one key of the store", () => {
  test("keeps what was put, with the revision that was answered", () => {
    expect(run(put("a", 7), get("a", 7))).toBe('"a", revision 7')
    expect(run(put("a", 7), get("a", 8))).toBe("impossible: step 2")
    expect(run(put("a", 7), get("b"))).toBe("impossible: step 2")
    expect(run(put("a", 7), get(null))).toBe("impossible: step 2")
  })

  test("has greater revisions from change to change", () => {
    expect(run(put("a", 7), put("b", 7))).toBe("impossible: step 2")
    expect(run(put("a", 7), remove(9), put("a", 8))).toBe("impossible: step 3")
    expect(run(put("a", 7), remove(9), put("a", 10))).toBe('"a", revision 10')
  })

  test("does not change when it is put as it is, or deleted when it is not there", () => {
    expect(run(put("a", 7), put("a", 20), get("a", 7))).toBe('"a", revision 7')
    expect(run(put("a", 7), put("a", 6))).toBe("impossible: step 2")
    expect(run(put("a", 7), put("a", 20), put("b", 19))).toBe("impossible: step 3")
    expect(run(remove(), get(null))).toBe("no such key, the store at 0 or later")
  })

  test("is swapped if its revision is the expected one, and 0 stands for no key", () => {
    expect(run(cas(0, "a", true, 7), cas(0, "b", true))).toBe("impossible: step 2")
    expect(run(cas(0, "a", true, 7), cas(0, "b", false), cas(7, "c", true, 9))).toBe('"c", revision 9')
    expect(run(put("a", 7), cas(7, "c", false))).toBe("impossible: step 2")
    expect(run(cas(3, "a", false))).toBe("no such key, the store at 0 or later")
    expect(run(cas(3, "a", true))).toBe("impossible: step 1")
  })

  test("has a revision that is known bit by bit where a put did not tell it", () => {
    expect(run(put("a"))).toBe('"a", revision 1 or later')
    expect(run(put("a"), cas(5, "b", false))).toBe('"a", revision 1 or later but not 5')
    expect(run(put("a"), cas(5, "b", false), get("a", 5))).toBe("impossible: step 3")
    expect(run(put("a"), put("a", 3), cas(2, "b", false))).toBe('"a", revision 1 to 3 but not 2')
    expect(run(put("a"), put("b"), get("b", 1))).toBe("impossible: step 3")
  })

  test("is swapped by a call of unknown outcome where it can be", () => {
    expect(run(put("a", 7), [{ op: "cas", key: "k", expected: 7, value: "b" }, null])).toBe('"b", revision 8 or later')
    expect(run(put("a", 7), [{ op: "cas", key: "k", expected: 6, value: "b" }, null])).toBe('"a", revision 7')
  })
})

describe("what nobody can tell apart", () => {
  const lost = (value: string) => ({ ...at, call: { op: "put" as const, key: "k", value }, answer: null })
  const at = { process: "p", invokedAt: 1, returnedAt: 2 }

  test("is put with one value", () => {
    const found = { ...at, call: { op: "get" as const, key: "k" }, answer: { value: "c" } }
    const kept = { ...at, call: { op: "put" as const, key: "k", value: "d" }, answer: {} }
    const calls = keyOfStore.alike(["a", "b", "c", "d", "e"].map(lost))
    expect(calls.map(keyOfStore.callText)).toEqual(Array(5).fill('put "k" = "a"'))
    expect(keyOfStore.alike([...["a", "b", "c", "d", "e"].map(lost), found, kept]).map(keyOfStore.callText)).toEqual([
      'put "k" = "a"',
      'put "k" = "a"',
      'put "k" = "c"',
      'put "k" = "d"',
      'put "k" = "a"',
      'get "k"',
      'put "k" = "d"',
    ])
  })
})

/** Revisions in answers go up to here; beyond it there is room for those that are not told. */
const TOLD_MAX = 4
const REVISION_MAX = 12

interface Concrete {
  value: string | null
  revision: number
  store: number
}

/** All that can follow, with every revision that a change may have got: the plain meaning of the model. */
function possible(state: Concrete, call: KvCall, answer: KvAnswer): Concrete[] {
  const told = (store: number) => answer.revision === undefined || answer.revision === store
  const upTo = (from: number) =>
    Array.from({ length: REVISION_MAX - from + 1 }, (_, index) => from + index).filter(told)
  const change = (value: string | null) =>
    upTo(state.store + 1).map((store) => ({ value, revision: value === null ? 0 : store, store }))
  const keep = () => (answer.revision === undefined ? [state] : upTo(state.store).map((store) => ({ ...state, store })))
  const write = (value: string | null) => (value === state.value ? keep() : change(value))
  if (call.op === "get") {
    const isSeen = answer.value === state.value && (answer.revision === undefined || answer.revision === state.revision)
    return isSeen ? [state] : []
  }
  if (call.op === "cas") {
    if ((call.expected === state.revision) !== answer.swapped) return []
    return answer.swapped ? write(call.value) : [state]
  }
  return write(call.op === "put" ? call.value : null)
}

test("the ranges mean the same as all revisions tried one by one", () => {
  const value = fc.constantFrom("a", "b")
  const revision = fc.option(fc.integer({ min: 1, max: TOLD_MAX }), { nil: undefined })
  const arbitrary = fc.oneof(
    fc.tuple(value, revision).map(([text, number]) => get(text, number)),
    fc.constant(get(null)),
    fc.tuple(value, revision).map(([text, number]) => put(text, number)),
    revision.map((number) => remove(number)),
    fc
      .tuple(fc.nat(TOLD_MAX), value, fc.boolean(), revision)
      .map(([expected, text, swapped, number]) => cas(expected, text, swapped, swapped ? number : undefined)),
  )
  fc.assert(
    fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 6 }), (steps) => {
      let state: KeyState | undefined = keyOfStore.initial
      let concrete: Concrete[] = [{ value: null, revision: 0, store: 0 }]
      for (const [call, answer] of steps) {
        state = state && keyOfStore.step(state, call, answer)
        concrete = concrete.flatMap((one) => possible(one, call, answer!))
        expect(state !== undefined).toBe(concrete.length > 0)
      }
    }),
    { numRuns: 2000 },
  )
})
