import type { Operation } from "./history.ts"

/**
 * What a thing under test may do, one operation after another: the sequential specification that a history of
 * overlapping operations is held against.
 */
export interface Model<Call, Answer, State> {
  /** Before the first operation. A state is never undefined and never changed in place. */
  initial: State
  /**
   * The state after `call` was done in `state` and answered with `answer`; undefined if it cannot have been answered so.
   * With a null answer (outcome unknown) the state after it took effect, or `state` where it has none.
   */
  step: (state: State, call: Call, answer: Answer | null) => State | undefined
  /** Equal for equal states only. */
  key: (state: State) => string
  /** Whatever can follow `lesser` can follow `state` too. */
  covers: (state: State, lesser: State) => boolean
  /** Possible in every state, and what it leaves is the same whatever was before it. */
  isBlind: (call: Call, answer: Answer | null) => boolean
  /** It changes nothing, whatever the state. */
  isRead: (call: Call, answer: Answer) => boolean
  /**
   * Neither in this state nor in one that follows it can it be answered so; or, with a null answer, can it have an
   * effect. Whoever does not know says false.
   */
  isTooLate: (state: State, call: Call, answer: Answer | null) => boolean
  /**
   * The calls of the operations, but with one and the same value in all those writes of unknown outcome that nobody can
   * tell apart: they are tried once, not each for itself.
   */
  alike: (operations: readonly Operation<Call, Answer>[]) => Call[]
  callText: (call: Call) => string
  answerText: (answer: Answer) => string
  stateText: (state: State) => string
}
