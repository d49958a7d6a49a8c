/** Changes of a configuration as transcripts write them: `v1` a voter, `l2` a learner, `r3` removed, `u4` updated. */
import type { ChangeType, SingleChange } from "../../src/raft/confchange/change.ts"

const TYPES: Record<string, ChangeType> = {
  v: "addNode",
  l: "addLearnerNode",
  r: "removeNode",
  u: "updateNode",
}

/** The changes, or in words which one is none. */
export function parseChanges(text: string): SingleChange[] | string {
  const changes: SingleChange[] = []
  for (const token of text.trim() === "" ? [] : text.trim().split(" ")) {
    if (token.length < 2) return `unknown token ${token}`
    const type = TYPES[token[0]!]
    if (type === undefined) return `unknown input: ${token}`
    const digits = token.slice(1)
    if (!/^\d+$/.test(digits)) return `strconv.ParseUint: parsing "${digits}": invalid syntax`
    changes.push({ type, node: Number(digits) })
  }
  return changes
}
