/**
 * Histories that are linearizable because they come from a thing that does one call after another: clients whose
 * requests take effect at some moment between question and answer, and now and then get lost on the way there or back,
 * to take effect much later or never.
 */
import type { Operation } from "../history.ts"

/** One step of one client: it asks for `call` if it is idle, else its request goes on as `luck` has it. */
export interface Turn<Call> {
  client: number
  call: Call
  /** 0 to 9. */
  luck: number
}

interface Client<Call, Answer> {
  process: number
  operation: Operation<Call, Answer> | null
  answer: Answer | null
}

/** `apply` does a call, there and then. */
export function simulate<Call, Answer>(
  turns: readonly Turn<Call>[],
  apply: (call: Call) => Answer,
): Operation<Call, Answer>[] {
  const operations: Operation<Call, Answer>[] = []
  const clients = new Map<number, Client<Call, Answer>>()
  const adrift: Call[] = []
  let nextProcess = 0
  const newClient = (): Client<Call, Answer> => ({ process: nextProcess++, operation: null, answer: null })
  for (const [at, { client: number, call, luck }] of turns.entries()) {
    const client = clients.get(number) ?? newClient()
    clients.set(number, client)
    if (luck === 0 && adrift.length > 0) apply(adrift.shift()!)
    if (client.operation === null) {
      const unknown = { answer: null, invokedAt: at, returnedAt: Number.POSITIVE_INFINITY }
      client.operation = { process: String(client.process), call, ...unknown }
      operations.push(client.operation)
    } else if (luck >= 8) {
      if (client.answer === null) adrift.push(client.operation.call)
      clients.set(number, newClient())
    } else if (client.answer === null) client.answer = apply(client.operation.call)
    else {
      Object.assign(client.operation, { answer: client.answer, returnedAt: at })
      Object.assign(client, { operation: null, answer: null })
    }
  }
  return operations
}
