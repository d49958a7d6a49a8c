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
  callText: (call: Call) => string
  answerText: (answer: Answer) => string
  stateText: (state: State) => string
}
