/** Verbs that the contract names and this version does not have: each answers so, and is never passed over. */
import { type Command, defineCommand } from "../command.ts"

const VERBS: readonly (readonly [string, string])[] = [
  ["trace", "Follow the way from one workload to another, hop by hop"],
  ["capture", "Capture frames of a network or an endpoint"],
]

export const NOT_AVAILABLE: readonly Command[] = VERBS.map(([path, summary]) =>
  defineCommand({
    path: path.split(" "),
    task: "Look closer",
    summary,
    examples: [],
    options: {},
    arguments: {},
    unavailable: true,
    run: () => Promise.resolve(1),
  }),
)
