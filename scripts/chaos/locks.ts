/** Clients that lock: each makes a session, takes a key with it, holds it for a moment, and lets go in one way or the other. */
import { Recorder } from "../linearize/history.ts"
import { REQUEST_TIMEOUT_MS } from "./clients.ts"
import { type HttpAnswer, HttpConnection, NoAnswer } from "./http.ts"
import type { LockAnswer, LockCall, LockOperation } from "./lock-model.ts"
import type { Seeded } from "./seeded.ts"
import type { Entrance } from "./topology.ts"

const LOCKS = 2
const KEY_LIFE_MS = 4_000
const TURNS_PER_SESSION = 8
const PAUSE_MAX_MS = 40
const FAILURE_PAUSE_MS = 60
/** No time to live, no checks, no delay after it: only destroying it ends it. */
const SESSION = JSON.stringify({ LockDelay: "0s", Checks: [], NodeChecks: [] })

export interface LocksOptions {
  entrances: readonly Entrance[]
  random: Seeded
  count: number
}

export class Locks {
  readonly #options: LocksOptions
  readonly #recorder = new Recorder<LockCall, LockAnswer>()
  readonly #running: Promise<void>[]
  readonly #started = performance.now()
  #line = 0
  #stopped = false
  /** What no linearizable store says, whenever it is asked. */
  readonly violations: string[] = []

  constructor(options: LocksOptions) {
    this.#options = options
    this.#running = Array.from({ length: options.count }, (_, number) => this.#run(`locker-${number}`))
  }

  async stop(): Promise<LockOperation[]> {
    this.#stopped = true
    await Promise.all(this.#running)
    return this.#recorder.history()
  }

  async #run(name: string): Promise<void> {
    const random = this.#options.random.fork(name)
    const ways = this.#options.entrances.map((entrance) => new HttpConnection(entrance.place))
    while (!this.#stopped) {
      const session = await this.#makeSession(random.pick(ways))
      if (session === null) await Bun.sleep(FAILURE_PAUSE_MS)
      else await this.#useSession(name, session, random, ways)
    }
    for (const way of ways) way.close()
  }

  async #makeSession(way: HttpConnection): Promise<string | null> {
    try {
      const request = { method: "PUT", target: "/v1/session/create", body: SESSION }
      const { status, body } = await way.request(request, REQUEST_TIMEOUT_MS)
      return status === 200 ? (JSON.parse(body) as { ID: string }).ID : null
    } catch (error) {
      if (error instanceof NoAnswer) return null
      throw error
    }
  }

  async #useSession(name: string, session: string, random: Seeded, ways: readonly HttpConnection[]): Promise<void> {
    const generation = Math.floor((performance.now() - this.#started) / KEY_LIFE_MS)
    const key = `lock/${generation}/${random.whole(1, LOCKS)}`
    const ask = (call: LockCall) => this.#ask(name, call, random.pick(ways))
    const pause = () => Bun.sleep(random.whole(0, PAUSE_MAX_MS))
    for (let turn = 0; turn < TURNS_PER_SESSION && !this.#stopped; turn++) {
      const acquired = await ask({ op: "acquire", key, session })
      if (acquired === null) break
      await pause()
      if (random.next() < 0.3) await ask({ op: "look", key })
      // Destroying the session below is the other way to let go.
      if (random.next() < 0.15) break
      if ("done" in acquired && acquired.done && (await ask({ op: "release", key, session })) === null) break
      await pause()
    }
    while ((await ask({ op: "destroy", key, session })) === null && !this.#stopped) await Bun.sleep(FAILURE_PAUSE_MS)
  }

  /** Null where nobody knows whether it was done. */
  async #ask(name: string, call: LockCall, way: HttpConnection): Promise<LockAnswer | null> {
    this.#recorder.invoke(++this.#line, name, call)
    const answer = await this.#send(call, way)
    if (answer !== null) this.#recorder.answer(++this.#line, name, answer)
    else if (call.op === "look") this.#recorder.refuse(++this.#line, name)
    else this.#recorder.lose(++this.#line, name)
    return answer
  }

  async #send(call: LockCall, way: HttpConnection): Promise<LockAnswer | null> {
    try {
      return this.#decode(call, await way.request(encode(call), REQUEST_TIMEOUT_MS))
    } catch (error) {
      if (error instanceof NoAnswer) return null
      throw error
    }
  }

  #decode(call: LockCall, { status, body }: HttpAnswer): LockAnswer | null {
    if (call.op === "look" && status === 404) return { holder: null }
    if (status === 200 && call.op === "look")
      return { holder: (JSON.parse(body) as { Session?: string }[])[0]!.Session ?? null }
    if (status === 200) return { done: body === "true" }
    if (body.includes("invalid session"))
      this.violations.push(`a session that only its client may end is gone: ${JSON.stringify(call)}: ${body}`)
    return null
  }
}

function encode(call: LockCall): { method: string; target: string; body: string } {
  const path = `/v1/kv/${call.key}`
  if (call.op === "look") return { method: "GET", target: `${path}?consistent`, body: "" }
  if (call.op === "destroy") return { method: "PUT", target: `/v1/session/destroy/${call.session}`, body: "" }
  return { method: "PUT", target: `${path}?${call.op}=${call.session}`, body: call.session }
}
