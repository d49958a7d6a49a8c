/**
 * What a client of the load asks for next, and what its part of the store is then. A client has keys of its own and asks
 * for one thing at a time, so that what it should find is known exactly; every value names the operation that wrote it.
 */
import type { Seeded } from "../chaos/seeded.ts"
import { ClientState, clientFolder, sessionName } from "./workload-state.ts"

export interface Operation {
  method: "PUT" | "GET" | "DELETE"
  /** Path and query below the address. */
  target: string
  body: string
  /** Takes note of the answer of status 200. Throws where it is none that a client that is alone with its keys can get. */
  done(body: string): void
}

type Kind = keyof typeof KINDS

const KEYS = 6
const FOLDER_KEYS = 4
const SMALL_BYTES = 200
/** So large that memory is soon full of changes, and the state has to be written. */
const LARGE_BYTES = 60_000

/** How often each is asked for. */
const KINDS = {
  put: 8,
  large: 2,
  delete: 2,
  transaction: 2,
  fill: 1,
  clear: 1,
  session: 1,
  end: 1,
  lock: 2,
  free: 1,
  look: 2,
}

export class Client {
  readonly number: number
  readonly state = new ClientState()
  readonly #chance: Seeded
  readonly #clients: number
  /** Of the operation that is on its way. */
  #id = ""

  constructor(number: number, clients: number, chance: Seeded) {
    this.number = number
    this.#clients = clients
    this.#chance = chance
  }

  /** `saw` is called with a value of any client's that was read. */
  next(id: string, saw: (value: string) => void): Operation {
    this.#id = id
    const kind = this.#chance.weighted<Kind>(KINDS)
    const [session] = this.state.sessions
    if (kind === "look") return this.#look(saw)
    if (kind === "delete") return this.#delete()
    if (kind === "transaction") return this.#transaction()
    if (kind === "fill") return this.#fill()
    if (kind === "clear") return this.#clear()
    if (kind === "end" && session !== undefined) return this.#endSession(session)
    if (kind === "lock" && session !== undefined) return this.#lock(session)
    if (kind === "free" && this.state.keys.get(this.#key("lock"))?.session) return this.#free()
    if (kind === "session" && session === undefined) return this.#openSession()
    return this.#put(kind === "large" ? LARGE_BYTES : SMALL_BYTES)
  }

  #put(maxBytes: number): Operation {
    const key = this.#anyKey()
    const flags = this.#chance.whole(0, 1000)
    const body = this.#value(maxBytes)
    return put(`/v1/kv/${key}?flags=${flags}`, body, () => this.#set(key, body, flags, null))
  }

  #delete(): Operation {
    const key = this.#anyKey()
    const done = isTrue(() => this.state.keys.delete(key))
    return { method: "DELETE", target: `/v1/kv/${key}`, body: "", done }
  }

  /** Several keys at once, one of which goes: half of that must never be seen. */
  #transaction(): Operation {
    const [gone, ...keys] = this.#chance.shuffled(this.#numbered(KEYS, "key")).slice(0, 4)
    const body = this.#value(SMALL_BYTES)
    const sets = keys.map((Key) => ({ KV: { Verb: "set", Key, Value: btoa(body), Flags: 7 } }))
    const done = (): void => {
      for (const key of keys) this.#set(key, body, 7, null)
      this.state.keys.delete(gone!)
    }
    return { ...transaction([...sets, { KV: { Verb: "delete", Key: gone! } }]), done }
  }

  #fill(): Operation {
    const keys = this.#numbered(FOLDER_KEYS, "folder/")
    const body = this.#value(SMALL_BYTES)
    const sets = keys.map((Key) => ({ KV: { Verb: "set", Key, Value: btoa(body), Flags: 0 } }))
    const done = (): void => {
      for (const key of keys) this.#set(key, body, 0, null)
    }
    return { ...transaction(sets), done }
  }

  #clear(): Operation {
    const done = isTrue(() => {
      for (const key of this.#numbered(FOLDER_KEYS, "folder/")) this.state.keys.delete(key)
    })
    return { method: "DELETE", target: `/v1/kv/${this.#key("folder/")}?recurse`, body: "", done }
  }

  #openSession(): Operation {
    const body = JSON.stringify({ Name: sessionName(this.number), LockDelay: "0s", Checks: [] })
    const done = (answer: string): void => {
      this.state.sessions.add((JSON.parse(answer) as { ID: string }).ID)
    }
    return { method: "PUT", target: "/v1/session/create", body, done }
  }

  #endSession(session: string): Operation {
    return put(`/v1/session/destroy/${session}`, "", () => {
      this.state.sessions.delete(session)
      for (const [key, held] of this.state.keys)
        if (held.session === session) this.state.keys.set(key, { ...held, session: null })
    })
  }

  #lock(session: string): Operation {
    const key = this.#key("lock")
    const body = this.#value(SMALL_BYTES)
    return put(`/v1/kv/${key}?acquire=${session}`, body, () => this.#set(key, body, 0, session))
  }

  #free(): Operation {
    const key = this.#key("lock")
    const body = this.#value(SMALL_BYTES)
    const { session } = this.state.keys.get(key)!
    return put(`/v1/kv/${key}?release=${session}`, body, () => this.#set(key, body, 0, null))
  }

  /** At another client's key: what anybody has seen must not be lost either. */
  #look(saw: (value: string) => void): Operation {
    const client = this.#chance.whole(1, this.#clients)
    const target = `/v1/kv/${clientFolder(client)}?recurse`
    const done = (body: string): void => {
      for (const { Value } of JSON.parse(body) as { Value: string | null }[]) saw(atob(Value ?? ""))
    }
    return { method: "GET", target, body: "", done }
  }

  #set(key: string, value: string, flags: number, session: string | null): void {
    this.state.keys.set(key, { value: Buffer.from(value), flags, session })
  }

  #key(name: string): string {
    return clientFolder(this.number) + name
  }

  #anyKey(): string {
    return this.#chance.pick(this.#numbered(KEYS, "key"))
  }

  #numbered(count: number, name: string): string[] {
    return Array.from({ length: count }, (_, i) => this.#key(`${name}${i}`))
  }

  /** It begins with the operation's id and a blank. */
  #value(maxBytes: number): string {
    return `${this.#id} `.padEnd(this.#chance.whole(8, maxBytes), ".")
  }
}

function put(target: string, body: string, change: () => void): Operation {
  return { method: "PUT", target, body, done: isTrue(change) }
}

function isTrue(change: () => void): (body: string) => void {
  return (body) => {
    if (body !== "true") throw new Error(`the answer is ${body}, not true`)
    change()
  }
}

function transaction(operations: object[]): Pick<Operation, "method" | "target" | "body"> {
  return { method: "PUT", target: "/v1/txn", body: JSON.stringify(operations) }
}
