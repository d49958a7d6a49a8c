/**
 * Linearizability by its definition: tries every order. Only for a handful of operations, and only to hold the real
 * checker against.
 */
import type { Operation } from "../history.ts"
import type { Model } from "../model.ts"

export function checkByBruteForce<Call, Answer, State>(
  model: Model<Call, Answer, State>,
  operations: readonly Operation<Call, Answer>[],
  state: State = model.initial,
): boolean {
  if (operations.every((operation) => operation.answer === null)) return true
  return operations.some((operation, index) => {
    const rest = operations.toSpliced(index, 1)
    if (rest.some((other) => other.returnedAt < operation.invokedAt)) return false
    const next = model.step(state, operation.call, operation.answer)
    return next !== undefined && checkByBruteForce(model, rest, next)
  })
}
