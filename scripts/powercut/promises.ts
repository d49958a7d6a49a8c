/**
 * What the store has promised up to a moment of the journal: an operation that was answered is done, whatever was seen of
 * it is done, and one that was not yet asked for is not. In between it may be either.
 */
import type { TalkEvent } from "./journal.ts"
import { type ClientHistory, type History, type OperationId, operationOf } from "./load.ts"

/** `lost`: a state from before something that was done. `foreign`: one that was not there after any operation. */
export type Breach = "lost" | "foreign"

export interface Broken {
  breach: Breach
  what: string
}

/** The first and the last operation of a client that its part of the store may be the state after. */
interface Bounds {
  least: number
  most: number
}

export class Promises {
  readonly #history: History
  readonly #bounds = new Map<number, Bounds>()
  /** By member and connection: what was asked for on it and is not answered yet. */
  readonly #open = new Map<string, OperationId>()
  /** The latest operation of any client that was asked for, by its number. */
  asked = 0
  answered = 0

  constructor(history: History) {
    this.#history = history
    for (const client of history.keys()) this.#bounds.set(client, { least: 0, most: 0 })
  }

  take({ kind, member, connection, text }: TalkEvent): void {
    const place = `${member} ${connection}`
    if (kind === "request") {
      const operation = operationOf(text)
      if (operation === null) return void this.#open.delete(place)
      this.#open.set(place, operation)
      const bounds = this.#bounds.get(operation.client)!
      bounds.most = Math.max(bounds.most, operation.number)
      this.asked = Math.max(this.asked, operation.number)
      return
    }
    const operation = this.#open.get(place)
    if (operation === undefined) return
    this.#open.delete(place)
    this.answered++
    this.#isDone(operation)
    for (const seen of this.#history.get(operation.client)!.saw.get(operation.number) ?? []) this.#isDone(seen)
  }

  #isDone({ client, number }: OperationId): void {
    const bounds = this.#bounds.get(client)!
    bounds.least = Math.max(bounds.least, number)
  }

  /** What was promised up to now, to be held against the clients' states as they are found. */
  now(): (found: Readonly<Record<number, string>>) => Broken[] {
    const bounds = [...this.#bounds].map(([client, { least, most }]) => ({ client, least, most }))
    return (found) => bounds.flatMap((one) => brokenBy(this.#history.get(one.client)!, one, found[one.client] ?? ""))
  }
}

function brokenBy(history: ClientHistory, { client, ...bounds }: Bounds & { client: number }, found: string): Broken[] {
  const breach = breachOf(history, bounds, found)
  if (breach === null) return []
  const state = breach === "lost" ? "an older state" : "a state that it never had"
  return [{ breach, what: `client ${client}: after operation ${bounds.least} to ${bounds.most} it finds ${state}` }]
}

function breachOf({ texts }: ClientHistory, { least, most }: Bounds, found: string): Breach | null {
  const last = Math.min(most, texts.length - 1)
  for (let number = least; number <= last; number++) if (texts[number] === found) return null
  return texts.slice(0, least).includes(found) ? "lost" : "foreign"
}
