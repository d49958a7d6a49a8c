/**
 * Blocking queries, one after another, on a few keys that one client changes all the time: at every node one who stays
 * there through its deaths, and one who goes from node to node. The index never goes back, nor does a key's; two who
 * saw the same revision saw the same value; and when all is well again everybody sees the last change.
 */
import { REQUEST_TIMEOUT_MS } from "./clients.ts"
import { CALM_TIMEOUT_MS, comesTrue } from "./eventually.ts"
import { HttpConnection, NoAnswer } from "./http.ts"
import type { Seeded } from "./seeded.ts"
import type { Entrance } from "./topology.ts"

const FOLDER = "watched/"
const KEYS = 3
const WAIT_MS = 2_000
/** A wait is prolonged by a sixteenth at most; the rest is for a node that has to find a leader first. */
const ANSWER_TIMEOUT_MS = WAIT_MS + REQUEST_TIMEOUT_MS
const WRITE_PAUSE_MS = 15
const FAILURE_PAUSE_MS = 60

interface Row {
  Key: string
  Value: string
  ModifyIndex: number
}

export class Watchers {
  readonly violations: string[] = []
  /** Answers that showed something new. */
  answers = 0
  readonly #entrances: readonly Entrance[]
  readonly #random: Seeded
  readonly #running: Promise<void>[]
  readonly #ways = new Set<HttpConnection>()
  readonly #valueAt = new Map<string, string>()
  /** Of each watcher, the newest row of the key that is written last. */
  readonly #seen = new Map<string, string>()
  #stopped = false
  #writing = true

  constructor(options: { entrances: readonly Entrance[]; random: Seeded }) {
    this.#entrances = options.entrances
    this.#random = options.random.fork("watchers")
    const staying = options.entrances.map((entrance) => this.#watch(`watcher at ${entrance.name}`, () => entrance))
    const roaming = this.#watch("roaming watcher", () => this.#random.pick(this.#entrances))
    this.#running = [this.#write(), ...staying, roaming]
  }

  /** To be called when all is well again. */
  async stop(): Promise<void> {
    this.#writing = false
    await this.#running[0]
    const last = "the last one"
    const way = this.#way(this.#entrances[0]!)
    const done = await comesTrue(() => put(way, `${FOLDER}1`, last), CALM_TIMEOUT_MS)
    if (!done) this.violations.push("the last change of the watched keys was not acknowledged")
    const behind = () => [...this.#seen].filter(([, value]) => value !== last).map(([name]) => name)
    if (done && !(await comesTrue(async () => behind().length === 0, CALM_TIMEOUT_MS)))
      for (const name of behind()) this.violations.push(`${name}: never saw the last change`)
    this.#stopped = true
    for (const way of this.#ways) way.close()
    await Promise.all(this.#running)
  }

  #way(entrance: Entrance): HttpConnection {
    const way = new HttpConnection(entrance.place)
    this.#ways.add(way)
    return way
  }

  async #write(): Promise<void> {
    const random = this.#random.fork("writer")
    const ways = this.#entrances.map((entrance) => this.#way(entrance))
    for (let number = 1; this.#writing; number++) {
      const done = await put(random.pick(ways), `${FOLDER}${random.whole(1, KEYS)}`, String(number))
      await Bun.sleep(done ? WRITE_PAUSE_MS : FAILURE_PAUSE_MS)
    }
  }

  async #watch(name: string, next: () => Entrance): Promise<void> {
    this.#seen.set(name, "")
    const ways = new Map<Entrance, HttpConnection>()
    const view: View = { index: 0, revisions: new Map() }
    while (!this.#stopped) {
      const entrance = next()
      const way = ways.get(entrance) ?? this.#way(entrance)
      ways.set(entrance, way)
      if (!(await this.#query(name, entrance, way, view))) await Bun.sleep(FAILURE_PAUSE_MS)
    }
  }

  /** Whether it was answered. */
  async #query(name: string, entrance: Entrance, way: HttpConnection, view: View): Promise<boolean> {
    const target = `/v1/kv/${FOLDER}?recurse&index=${view.index}&wait=${WAIT_MS}ms`
    const answer = await way.request({ method: "GET", target, body: "" }, ANSWER_TIMEOUT_MS).catch((error: Error) => {
      if (error instanceof NoAnswer) return null
      throw error
    })
    if (answer === null || (answer.status !== 200 && answer.status !== 404)) return false
    const index = Number(answer.headers.get("x-consul-index"))
    const complain = (why: string) => this.violations.push(`${name}, answered by ${entrance.source}: ${why}`)
    if (!(index > 0)) complain(`there is no index: ${answer.headers.get("x-consul-index")}`)
    if (index < view.index) complain(`the index went back from ${view.index} to ${index}`)
    if (index > view.index) this.answers++
    view.index = index
    const rows = answer.status === 200 ? (JSON.parse(answer.body) as Row[]) : []
    for (const row of rows) this.#take(row, view, complain)
    const first = rows.find((row) => row.Key === `${FOLDER}1`)
    if (first !== undefined) this.#seen.set(name, Buffer.from(first.Value, "base64").toString())
    return true
  }

  #take({ Key, Value, ModifyIndex }: Row, view: View, complain: (why: string) => void): void {
    const before = view.revisions.get(Key) ?? 0
    if (ModifyIndex < before) complain(`${Key} went back from revision ${before} to ${ModifyIndex}`)
    view.revisions.set(Key, ModifyIndex)
    const place = `${Key} ${ModifyIndex}`
    const known = this.#valueAt.get(place)
    if (known !== undefined && known !== Value) complain(`${Key} has two values at revision ${ModifyIndex}`)
    this.#valueAt.set(place, Value)
  }
}

interface View {
  index: number
  revisions: Map<string, number>
}

async function put(way: HttpConnection, key: string, value: string): Promise<boolean> {
  try {
    const answer = await way.request({ method: "PUT", target: `/v1/kv/${key}`, body: value }, REQUEST_TIMEOUT_MS)
    return answer.status === 200
  } catch (error) {
    if (error instanceof NoAnswer) return false
    throw error
  }
}
