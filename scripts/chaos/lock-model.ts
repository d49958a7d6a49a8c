/**
 * One of Consul's locks as a thing that `scripts/linearize` can judge: a key that one session holds at a time. The
 * sessions are without a time to live and without checks, so that nothing but their destruction ends them.
 */
import { check, type SearchLimits } from "../linearize/checker.ts"
import { blockedText } from "../linearize/explanation.ts"
import type { Operation } from "../linearize/history.ts"
import type { Model } from "../linearize/model.ts"

/** `destroy` of a session releases what it holds. `look` reads who holds the lock. */
export type LockCall =
  | { op: "acquire" | "release" | "destroy"; key: string; session: string }
  | { op: "look"; key: string }

/** acquire and release: whether they did. look: the holder, or null. destroy is always done. */
export type LockAnswer = { done: boolean } | { holder: string | null }

export type LockOperation = Operation<LockCall, LockAnswer>

type Holder = string | null

function step(holder: Holder, call: LockCall, answer: LockAnswer | null): Holder | undefined {
  if (call.op === "look")
    return answer === null || ("holder" in answer && answer.holder === holder) ? holder : undefined
  const { session } = call
  const [possible, after] = outcomeOf(holder, call.op, session)
  if (answer !== null && !("done" in answer && answer.done === possible)) return undefined
  return after
}

/** Whether it is done, and who holds the lock then. */
function outcomeOf(holder: Holder, op: "acquire" | "release" | "destroy", session: string): [boolean, Holder] {
  if (op === "acquire") return holder === null || holder === session ? [true, session] : [false, holder]
  if (op === "release") return holder === session ? [true, null] : [false, holder]
  return [true, holder === session ? null : holder]
}

export const lock: Model<LockCall, LockAnswer, Holder> = {
  initial: null,
  step,
  key: (holder) => holder ?? "",
  covers: (state, lesser) => state === lesser,
  isBlind: () => false,
  isRead: (call, answer) => call.op === "look" || ("done" in answer && !answer.done),
  isTooLate: () => false,
  alike: (operations) => operations.map(({ call }) => call),
  callText: (call) => (call.op === "look" ? "look" : `${call.op} by ${call.session.slice(0, 8)}`),
  answerText: (answer) =>
    "done" in answer ? String(answer.done) : `held by ${answer.holder?.slice(0, 8) ?? "nobody"}`,
  stateText: (holder) => `held by ${holder?.slice(0, 8) ?? "nobody"}`,
}

/** The violations, each as lines; a search that came to its limit counts as one. */
export function judgeLocks(operations: readonly LockOperation[], limits: () => SearchLimits): string[] {
  const found: string[] = []
  for (const [key, part] of Map.groupBy(operations, ({ call }) => call.key)) {
    const finding = check(lock, part, limits())
    if (finding.verdict === "not") found.push(`lock ${key}: ${blockedText(lock, finding.blocked).join("\n  ")}`)
    if (finding.verdict === "unknown") found.push(`lock ${key}: not decided within the limits`)
  }
  return found
}
