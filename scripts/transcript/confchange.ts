/** Replays what `confchange` files tell: changes of a configuration, one after another, and what comes of each. */
import { enterJoint, leaveJoint, type Membership, simple } from "../../src/raft/confchange/changer.ts"
import { describeConfiguration, describeProgressOf } from "../../src/raft/describe.ts"
import { EMPTY_CONFIGURATION } from "../../src/raft/tracker/tracker.ts"
import { Arguments } from "./arguments.ts"
import { parseChanges } from "./changes.ts"
import type { Case } from "./datadriven.ts"

export const CONFCHANGE_COMMANDS = ["simple", "enter-joint", "leave-joint"]

export function confchangeReplay(): (test: Case) => string {
  let now: Membership = { configuration: EMPTY_CONFIGURATION, progress: new Map() }
  /** Each command stands for an entry of the log, so that one can see in which of them a member joined. */
  let lastIndex = 0
  return (test) => {
    const args = new Arguments(test)
    const newcomer = { lastIndex: lastIndex++, maxInflightMessages: 10, maxInflightBytes: Infinity }
    const changes = parseChanges(test.input)
    if (typeof changes === "string") return changes
    if (test.command === "leave-joint" && changes.length > 0) return "this command takes no input"
    const outcome =
      test.command === "simple"
        ? simple(now, changes, newcomer)
        : test.command === "enter-joint"
          ? enterJoint(now, isAutoLeave(args), changes, newcomer)
          : leaveJoint(now)
    if (typeof outcome === "string") return outcome
    now = outcome
    return `${describeConfiguration(now.configuration)}\n${describeProgressOf(now)}`
  }
}

function isAutoLeave(args: Arguments): boolean {
  return args.options("autoleave").some(({ values }) => args.boolean(values[0]!))
}
