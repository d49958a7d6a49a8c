/**
 * Sessions with a time to live that are renewed in time: none of them may end before that time is over since the last
 * renewal, whoever leads in between and however often that changes.
 */
import { REQUEST_TIMEOUT_MS } from "./clients.ts"
import { HttpConnection, NoAnswer } from "./http.ts"
import type { Seeded } from "./seeded.ts"
import type { Entrance } from "./topology.ts"

const TTL_MS = 10_000
const RENEW_MS = 1_500
const FAILURE_PAUSE_MS = 100
const SESSION = JSON.stringify({ TTL: `${TTL_MS / 1000}s`, Checks: [], NodeChecks: [] })

export class Leases {
  readonly violations: string[] = []
  renewals = 0
  readonly #running: Promise<void>[]
  #stopped = false

  constructor(options: { entrances: readonly Entrance[]; random: Seeded; count: number }) {
    this.#running = Array.from({ length: options.count }, (_, number) =>
      this.#run(options.entrances, options.random.fork(`lease-${number}`)),
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  async #run(entrances: readonly Entrance[], random: Seeded): Promise<void> {
    const ways = entrances.map((entrance) => new HttpConnection(entrance.place))
    let session: string | null = null
    let aliveUntil = 0
    while (!this.#stopped) {
      const asked = performance.now()
      const target: string = session === null ? "/v1/session/create" : `/v1/session/renew/${session}`
      const answer = await put(random.pick(ways), target, session === null ? SESSION : "")
      if (answer?.status === 200) {
        session ??= (JSON.parse(answer.body) as { ID: string }).ID
        aliveUntil = asked + TTL_MS
        this.renewals++
      } else if (answer?.status === 404) {
        const early = aliveUntil - performance.now()
        if (early > 0) this.violations.push(`session ${session} ended ${Math.round(early)} ms before its time`)
        session = null
      }
      await Bun.sleep(answer?.status === 200 ? RENEW_MS : FAILURE_PAUSE_MS)
    }
    for (const way of ways) way.close()
  }
}

async function put(way: HttpConnection, target: string, body: string) {
  try {
    return await way.request({ method: "PUT", target, body }, REQUEST_TIMEOUT_MS)
  } catch (error) {
    if (error instanceof NoAnswer) return null
    throw error
  }
}
