/**
 * Many clients at once that write over HTTP, and what each of them was to find after each of its operations. A request
 * carries its operation's id in a header, by which the journal's requests and answers are known again.
 */
import { Seeded } from "../chaos/seeded.ts"
import { Client } from "./operations.ts"

const ID_HEADER = "x-powercut"
const ID = /^c(\d+)-(\d+) /

/** An operation of the load: the n-th (from 1) of a client. */
export interface OperationId {
  client: number
  number: number
}

/** What is known of one client. */
export interface ClientHistory {
  /** Its part of the store after so many operations, as `ClientState.text`; at 0 it has nothing. */
  texts: string[]
  /** By number of an operation that read: what was seen of others. */
  saw: Map<number, OperationId[]>
}

/** By client, from 1 on. */
export type History = Map<number, ClientHistory>

/** The id of the operation in a request's head; null where it is none of the load's. */
export function operationOf(request: string): OperationId | null {
  return parseId(new RegExp(`^${ID_HEADER}: (.*)\r$`, "im").exec(request)?.[1] ?? "")
}

function parseId(text: string): OperationId | null {
  const found = ID.exec(`${text} `)
  return found && { client: Number(found[1]), number: Number(found[2]) }
}

export class Load {
  readonly history: History = new Map()
  readonly #clients: Client[]

  constructor(clients: number, seed: number) {
    const chance = new Seeded(seed)
    const numbers = Array.from({ length: clients }, (_, i) => i + 1)
    this.#clients = numbers.map((number) => new Client(number, clients, chance.fork(`client ${number}`)))
    for (const number of numbers) this.history.set(number, { texts: [""], saw: new Map() })
  }

  get operations(): number {
    return [...this.history.values()].reduce((sum, { texts }) => sum + texts.length - 1, 0)
  }

  /** So many operations of each client, at the daemon behind a Unix socket. Throws at the first that fails. */
  async run(socket: string, operations: number): Promise<void> {
    await Promise.all(
      this.#clients.map(async (client) => {
        for (let i = 0; i < operations; i++) await this.#step(client, socket)
      }),
    )
  }

  async #step(client: Client, socket: string): Promise<void> {
    const { texts, saw } = this.history.get(client.number)!
    const number = texts.length
    const id = `c${client.number}-${number}`
    const seen: OperationId[] = []
    const { method, target, body, done } = client.next(id, (value) => {
      const writer = parseId(value)
      if (writer === null) throw new Error(`a value that nobody wrote: ${value.slice(0, 40)}`)
      seen.push(writer)
    })
    const init = { method, headers: { [ID_HEADER]: id }, unix: socket, ...(method === "PUT" ? { body } : {}) }
    const answer = await fetch(`http://localhost${target}`, init)
    const text = await answer.text()
    const isEmpty = method === "GET" && answer.status === 404
    if (!isEmpty && answer.status !== 200) throw new Error(`${id}: ${method} ${target}: ${answer.status}: ${text}`)
    if (!isEmpty) done(text)
    if (seen.length > 0) saw.set(number, seen)
    texts.push(client.state.text())
  }
}
