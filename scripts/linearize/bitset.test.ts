import { expect, test } from "bun:test"
import fc from "fast-check"
import { Bitset } from "./bitset.ts"

const SIZE = 70

/** The key of a set that was filled in one go. */
function keyOf(members: Iterable<number>): string {
  const fresh = new Bitset(SIZE)
  for (const index of members) fresh.add(index)
  return fresh.key()
}

test("the key depends on what is in the set alone, not on how it came in", () => {
  const change = fc.record({ index: fc.nat(SIZE - 1), add: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const bits = new Bitset(SIZE)
      const members = new Set<number>()
      for (const { index, add } of changes) {
        if (add) bits.add(index)
        else bits.remove(index)
        if (add) members.add(index)
        else members.delete(index)
      }
      expect(bits.key()).toBe(keyOf(members))
    }),
  )
})

test("different sets have different keys", () => {
  const set = fc.uniqueArray(fc.nat(SIZE - 1))
  fc.assert(
    fc.property(set, set, (one, other) => {
      const equal = new Set(one).symmetricDifference(new Set(other)).size === 0
      expect(keyOf(one) === keyOf(other)).toBe(equal)
    }),
  )
})

test("the key of a full stretch is short", () => {
  const all = new Bitset(100_000)
  for (let index = 0; index < 99_990; index++) all.add(index)
  expect(all.key().length).toBeLessThan(16)
})
