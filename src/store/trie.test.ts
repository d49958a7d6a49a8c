import { expect, test } from "bun:test"
import fc from "fast-check"
import { PrefixTrie } from "./trie.ts"

function found(trie: PrefixTrie<string>, key: string): string[] {
  const values: string[] = []
  trie.visit(key, (set) => values.push(...set))
  return values
}

test("finds every prefix of a key, the shortest first", () => {
  const trie = new PrefixTrie<string>()
  for (const prefix of ["romane", "", "rom", "romanus", "romulus", "r", "rubens"]) trie.add(prefix, `<${prefix}>`)
  expect(found(trie, "romanus/x")).toEqual(["<>", "<r>", "<rom>", "<romanus>"])
  expect(found(trie, "roma")).toEqual(["<>", "<r>", "<rom>"])
  expect(found(trie, "x")).toEqual(["<>"])
})

test("like a scan of all prefixes, with removals", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 6 })
  const change = fc.record({ remove: fc.boolean(), prefix: word, value: fc.constantFrom("1", "2") })
  const property = fc.property(fc.array(change, { maxLength: 60 }), word, (changes, key) => {
    const trie = new PrefixTrie<string>()
    const naive = new Set<string>()
    for (const { remove, prefix, value } of changes) {
      const name = `${prefix}=${value}`
      if (remove) {
        trie.remove(prefix, name)
        naive.delete(name)
      } else {
        trie.add(prefix, name)
        naive.add(name)
      }
    }
    const wanted = [...naive].filter((name) => key.startsWith(name.slice(0, name.indexOf("="))))
    expect(found(trie, key).sort()).toEqual(wanted.sort())
    expect([...trie.values()].sort()).toEqual([...naive].sort())
    expect(trie.size).toBe(naive.size)
  })
  fc.assert(property, { numRuns: 300 })
})
