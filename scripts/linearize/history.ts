/**
 * What clients of a store saw, as operations. A history is a file of events, one a line: a process invokes something,
 * and later it is answered, refused, or nobody knows. `Recorder` turns events into operations; the parsers feed it.
 *
 * A position is the number of the line on which an event stands. One operation is before another if its answer stands
 * above the other's invocation; else they overlap, and may have happened in either order.
 */

/** The file is not a history: what is wrong, and on which line. */
export class HistoryError extends Error {
  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`)
  }
}

export interface Operation<Call, Answer> {
  /** Who asked; a process waits for each answer before it asks again. */
  process: string
  call: Call
  /** What was answered; null where the outcome is unknown: it happened once, at any time after `invokedAt`, or never. */
  answer: Answer | null
  invokedAt: number
  /** Infinity where the outcome is unknown. */
  returnedAt: number
}

/** Puts invocations and their endings together. */
export class Recorder<Call, Answer> {
  private readonly operations: Operation<Call, Answer>[] = []
  private readonly waiting = new Map<string, Operation<Call, Answer>>()

  /** Throws HistoryError where the process still waits for an answer. */
  invoke(line: number, process: string, call: Call): void {
    const before = this.waiting.get(process)
    if (before !== undefined) {
      throw new HistoryError(line, `process ${process} has no answer yet to what it asked on line ${before.invokedAt}`)
    }
    const operation = { process, call, answer: null, invokedAt: line, returnedAt: Number.POSITIVE_INFINITY }
    this.operations.push(operation)
    this.waiting.set(process, operation)
  }

  /** What the process waits for. Throws HistoryError where that is nothing. */
  pending(line: number, process: string): Call {
    const operation = this.waiting.get(process)
    if (operation === undefined) throw new HistoryError(line, `process ${process} did not ask for anything`)
    return operation.call
  }

  answer(line: number, process: string, answer: Answer): void {
    const operation = this.end(line, process)
    operation.answer = answer
    operation.returnedAt = line
  }

  /** It is certain that the operation did not happen. */
  refuse(line: number, process: string): void {
    const operation = this.end(line, process)
    this.operations.splice(this.operations.lastIndexOf(operation), 1)
  }

  /** Nobody knows whether the operation happened, or will. */
  lose(line: number, process: string): void {
    this.end(line, process)
  }

  /** All operations in the order of their invocation; what has no ending is of unknown outcome. */
  history(): Operation<Call, Answer>[] {
    return this.operations
  }

  private end(line: number, process: string): Operation<Call, Answer> {
    this.pending(line, process)
    const operation = this.waiting.get(process)!
    this.waiting.delete(process)
    return operation
  }
}
