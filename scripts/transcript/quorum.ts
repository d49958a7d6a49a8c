/**
 * Replays what `quorum` files tell: how far a log is committed, and how a vote stands. Each case is also asked in other
 * ways that must give the same answer; one that does not is shown in the output, where nobody expects it.
 */
import { jointCommittedIndex, jointVoteResult, type JointVoters, voterIds } from "../../src/raft/quorum/joint.ts"
import { committedIndex, voteResult, type Voters } from "../../src/raft/quorum/majority.ts"
import { Arguments } from "./arguments.ts"
import type { Case } from "./datadriven.ts"

export const QUORUM_COMMANDS = ["committed", "vote"]

type Acked = (id: number) => number | undefined

export function quorumReplay(test: Case): string {
  const args = new Arguments(test)
  const incoming: number[] = []
  const outgoing: number[] = []
  let joint = false
  const words: string[] = []
  for (const { key, values } of args.options("cfg", "cfgj", "idx", "votes")) {
    if (key === "cfg") {
      incoming.push(...values.map((value) => args.number(value)))
    } else if (key === "cfgj") {
      joint = true
      if (values[0] !== "zero") outgoing.push(...values.map((value) => args.number(value)))
    } else {
      words.push(...values)
    }
  }
  const known = new Map<number, string>()
  const ids = [...new Set([...incoming, ...outgoing])]
  if (ids.length !== words.length) {
    const voters = [...ids].sort((a, b) => a - b).map((id) => `${id}:{}`)
    return `error: mismatched input (explicit or _) for voters map[${voters.join(" ")}]: [${words.join(" ")}]`
  }
  ids.forEach((id, i) => {
    if (words[i] !== "_") known.set(id, words[i]!)
  })
  const voters: JointVoters = { incoming: new Set(incoming), outgoing: new Set(outgoing) }
  if (test.command === "vote") return vote(args, voters, joint, known)
  const acked = new Map([...known].map(([id, word]) => [id, args.number(word)]))
  return committed(voters, joint, (id) => acked.get(id))
}

function committed(voters: JointVoters, joint: boolean, acked: Acked): string {
  const index = jointCommittedIndex(voters, acked)
  const other = { incoming: voters.outgoing, outgoing: voters.incoming }
  const alternatives: [string, number][] = joint
    ? [["via symmetry", jointCommittedIndex(other, acked)]]
    : [
        ["via alternative computation", byCounting(voters.incoming, acked)],
        ["via zero-joint quorum", committedIndex(voters.incoming, acked)],
        ["via self-joint quorum", jointCommittedIndex({ ...voters, outgoing: voters.incoming }, acked)],
        ...overlays(voters.incoming, acked, index),
      ]
  const wrong = alternatives.filter(([, value]) => value !== index)
  const lines = wrong.map(([how, value]) => `${number(value)} <-- ${how}\n`)
  return `${chart(voterIds(voters), acked)}${lines.join("")}${number(index)}\n`
}

/** Infinity is what no voters have committed. */
function number(index: number): string {
  return index === Infinity ? "∞" : String(index)
}

/** The same by another way: the largest index that enough voters have. */
function byCounting(voters: Voters, acked: Acked): number {
  if (voters.size === 0) return Infinity
  const indexes = [...voters].map((id) => acked(id) ?? 0)
  const reached = indexes.filter((index) => indexes.filter((other) => other >= index).length * 2 > voters.size)
  return Math.max(0, ...reached)
}

/** Lowering a voter that is below the committed index anyhow changes nothing. */
function overlays(voters: Voters, acked: Acked, index: number): [string, number][] {
  return [...voters].flatMap((id) => {
    const own = acked(id) ?? 0
    if (own === 0 || own >= index) return []
    return [own - 1, 0].map((lower): [string, number] => {
      const overlaid = committedIndex(voters, (other) => (other === id ? lower : acked(other)))
      return [`overlaying ${id}->${lower}`, overlaid]
    })
  })
}

/** Who has how much: a bar as long as the number of voters that have less. */
function chart(ids: number[], acked: Acked): string {
  if (ids.length === 0) return "<empty majority quorum>"
  const indexOf = (id: number) => acked(id) ?? 0
  const lines = ids.map((id) => {
    const bar = ids.filter((other) => indexOf(other) < indexOf(id)).length
    const head = acked(id) === undefined ? "?".padEnd(ids.length + 1) : `${"x".repeat(bar)}>`.padEnd(ids.length + 1)
    return `${head} ${String(indexOf(id)).padStart(5)}    (id=${id.toString(16)})\n`
  })
  return `${" ".repeat(ids.length)}    idx\n${lines.join("")}`
}

const RESULTS = { pending: "VotePending", lost: "VoteLost", won: "VoteWon" }

function vote(args: Arguments, voters: JointVoters, joint: boolean, known: Map<number, string>): string {
  const votes = new Map<number, boolean>()
  for (const [id, word] of known) {
    if (word !== "y" && word !== "n") args.fail(`unknown vote ${word}`)
    votes.set(id, word === "y")
  }
  if (!joint) return RESULTS[voteResult(voters.incoming, votes)]
  const result = RESULTS[jointVoteResult(voters, votes)]
  const other = RESULTS[jointVoteResult({ incoming: voters.outgoing, outgoing: voters.incoming }, votes)]
  return other === result ? result : `${other} <-- via symmetry\n${result}`
}
