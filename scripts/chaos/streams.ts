/**
 * Networks that come and go, and programs that follow the cluster's stream of changes from server to server meanwhile:
 * each revision once, none twice, none missing, and at the end what the cluster has.
 */
import { resolve } from "node:path"
import type { Background } from "../../test/support/machine.ts"
import { REQUEST_TIMEOUT_MS } from "./clients.ts"
import { CALM_TIMEOUT_MS, comesTrue } from "./eventually.ts"
import { type HttpAnswer, HttpConnection, NoAnswer } from "./http.ts"
import type { OvlCluster } from "./ovl-cluster.ts"
import type { Seeded } from "./seeded.ts"
import { judgeStreams } from "./stream-rules.ts"

const FOLLOWERS = 3
const PROGRAM = resolve(import.meta.dir, "programs/follower.ts")
const PAUSE_MS = 120
const LAST_NAME = "the-last-one"

/** One line of a follower. */
export interface FollowedBatch {
  revision: number
  snapshot: boolean
  /** Name null: the network is gone. */
  networks: { id: string; name: string | null }[]
}

export class StreamWatch {
  readonly #cluster: OvlCluster
  readonly #random: Seeded
  readonly #followers: Background[] = []
  readonly #made: string[] = []
  #stopped = false
  #making = Promise.resolve()

  constructor(cluster: OvlCluster, random: Seeded) {
    this.#cluster = cluster
    this.#random = random.fork("streams")
  }

  get summary(): string {
    const batches = this.#followers.reduce((sum, follower) => sum + linesOf(follower).length, 0)
    return `${this.#made.length} networks made, ${batches} batches followed`
  }

  /** Wants a client node: the followers speak with its certificate, from its machine. */
  async start(): Promise<void> {
    const [client] = this.#cluster.clients
    for (let number = 0; number < FOLLOWERS; number++) {
      const words = [process.execPath, PROGRAM, client!.node.dataDir, String(number)]
      this.#followers.push(client!.machine.start(words))
    }
    await Promise.all(this.#followers.map((follower) => follower.says("revision")))
    this.#making = this.#make()
  }

  /** To be called when all is well again; the violations. */
  async stop(): Promise<string[]> {
    this.#stopped = true
    await this.#making
    const way = new HttpConnection(this.#controls()[0]!)
    try {
      let last: HttpAnswer | null = null
      const make = async () => {
        last = await send(way, "POST", "/api/v1/networks", { name: LAST_NAME })
        // 409: made before, by a request that was not answered.
        return last?.status === 201 || last?.status === 409
      }
      if (!(await comesTrue(make, CALM_TIMEOUT_MS))) return [`no network could be made: ${JSON.stringify(last)}`]
      const violations = await this.#waitForLast()
      const listed = JSON.parse((await send(way, "GET", "/api/v1/networks"))!.body) as { id: string }[]
      const ids = listed.map(({ id }) => id)
      return [...violations, ...judgeStreams(this.#followers.map(linesOf), this.#made, ids)]
    } finally {
      way.close()
      for (const follower of this.#followers) follower.signal("SIGKILL")
    }
  }

  async #waitForLast(): Promise<string[]> {
    const have = async () => this.#followers.every((follower) => follower.stdout.includes(LAST_NAME))
    return (await comesTrue(have, CALM_TIMEOUT_MS)) ? [] : ["not every follower was told of the last network"]
  }

  #controls() {
    return this.#cluster.entrances.map(({ machine }) => ({ unix: machine.file("/run/ovl/ovl.sock") }))
  }

  async #make(): Promise<void> {
    const ways = this.#controls().map((place) => new HttpConnection(place))
    for (let number = 1; !this.#stopped; number++) {
      const made = await send(this.#random.pick(ways), "POST", "/api/v1/networks", { name: `chaos-${number}` })
      if (made?.status === 201) {
        const { id } = JSON.parse(made.body) as { id: string }
        this.#made.push(id)
        if (this.#random.next() < 0.7) await send(this.#random.pick(ways), "DELETE", `/api/v1/networks/${id}`)
      }
      await Bun.sleep(PAUSE_MS)
    }
    for (const way of ways) way.close()
  }
}

/** A line that is not whole yet is left out. */
function linesOf({ stdout }: Background): FollowedBatch[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as FollowedBatch)
}

async function send(way: HttpConnection, method: string, target: string, body?: object): Promise<HttpAnswer | null> {
  try {
    const text = body === undefined ? "" : JSON.stringify(body)
    return await way.request({ method, target, body: text }, REQUEST_TIMEOUT_MS)
  } catch (error) {
    if (error instanceof NoAnswer) return null
    throw error
  }
}
