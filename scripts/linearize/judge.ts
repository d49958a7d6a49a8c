/**
 * From the text of a history to a verdict and, where it is asked for, the reason. What the command line does for files,
 * a test does for the history that it has just recorded.
 */
import { check, type SearchLimits, type Verdict } from "./checker.ts"
import { disorderText, blockedText } from "./explanation.ts"
import { HistoryError, type Operation } from "./history.ts"
import { parseJepsen } from "./jepsen.ts"
import { parseJsonLines } from "./jsonlines.ts"
import { type KvAnswer, type KvCall, keyOfStore } from "./kv.ts"
import type { Model } from "./model.ts"
import { register } from "./register.ts"
import { findDisorder } from "./revisions.ts"

export interface Judgement {
  verdict: Verdict
  /** Lines that say why: for "not" where an explanation was asked for, and always for "unknown". */
  reason: string[]
}

export interface JudgeOptions {
  limits: SearchLimits
  explain: boolean
}

const GAVE_UP = "gave up: the limit of time or of states was reached before the search had an end"

/** Never throws for what a text contains: one that is no history is of unknown verdict. */
export function judge(text: string, options: JudgeOptions): Judgement {
  try {
    return text.trimStart().startsWith("{") ? judgeStore(parseJsonLines(text), options) : judgeJepsen(text, options)
  } catch (error) {
    if (error instanceof HistoryError) return { verdict: "unknown", reason: [error.message] }
    throw error
  }
}

function judgeJepsen(text: string, options: JudgeOptions): Judgement {
  const operations = parseJepsen(text)
  if (operations.length === 0) return { verdict: "unknown", reason: ["no operation of a register is in it"] }
  return judgePart(register, operations, options)
}

/** Keys are independent of each other but for their revisions, so each is judged alone: many short searches. */
export function judgeStore(operations: readonly Operation<KvCall, KvAnswer>[], options: JudgeOptions): Judgement {
  if (operations.length === 0) return { verdict: "unknown", reason: ["no operation is in it"] }
  const disorder = findDisorder(operations)
  if (disorder !== null) return { verdict: "not", reason: options.explain ? disorderText(disorder) : [] }
  let worst: Judgement = { verdict: "linearizable", reason: [] }
  for (const [key, part] of Map.groupBy(operations, (operation) => operation.call.key)) {
    const judgement = judgePart(keyOfStore, part, options)
    if (judgement.verdict === "linearizable") continue
    const reason = judgement.reason.map((line, index) => (index === 0 ? `key ${JSON.stringify(key)}: ${line}` : line))
    worst = { verdict: judgement.verdict, reason }
    if (judgement.verdict === "not") break
  }
  return worst
}

function judgePart<Call, Answer, State>(
  model: Model<Call, Answer, State>,
  operations: readonly Operation<Call, Answer>[],
  options: JudgeOptions,
): Judgement {
  const finding = check(model, operations, options.limits)
  if (finding.verdict === "unknown") return { verdict: "unknown", reason: [GAVE_UP] }
  if (finding.verdict === "linearizable" || !options.explain) return { verdict: finding.verdict, reason: [] }
  return { verdict: "not", reason: blockedText(model, finding.blocked) }
}
