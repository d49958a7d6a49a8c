/** What one client gets that writes one value after another to three servers, beside three members of etcd. */
import { consulDialect } from "../../chaos/consul-dialect.ts"
import { etcdDialect } from "../../chaos/etcd-dialect.ts"
import { HttpConnection } from "../../chaos/http.ts"
import type { Dialect } from "../../chaos/request.ts"
import type { Benchmark, Context, Row } from "../benchmark.ts"
import { median, medianRatio, milliseconds, quantile, timed } from "../statistics.ts"
import { type Leaders, withBoth } from "./cluster.ts"

const ROUNDS = 10
/** Of both: a runtime that compiles as it goes needs some thousand writes before it runs as it does for the rest of its life. */
const WARM_UP_ROUNDS = 15
const WRITES_PER_ROUND = 200
const KEYS = 1_000
const VALUE_BYTES = 128
const TIMEOUT_MS = 5_000

function run(context: Context): Promise<Row[]> {
  return withBoth(context, async (leaders) => [row(await measure(leaders))])
}

/** In ms, each write. */
interface Taken {
  ovl: number[][]
  etcd: number[][]
}

async function measure(leaders: Leaders): Promise<Taken> {
  const taken: Taken = { ovl: [], etcd: [] }
  const writers = {
    ovl: new Writer(leaders.ovl, consulDialect),
    etcd: new Writer(leaders.etcd, etcdDialect),
  }
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const order = round % 2 === 0 ? (["ovl", "etcd"] as const) : (["etcd", "ovl"] as const)
    for (const one of order) {
      const block = await writers[one].block()
      if (round >= WARM_UP_ROUNDS) taken[one].push(block)
    }
  }
  writers.ovl.connection.close()
  writers.etcd.connection.close()
  return taken
}

class Writer {
  readonly connection: HttpConnection
  readonly #dialect: Dialect
  #writes = 0

  constructor(server: Leaders["ovl"], dialect: Dialect) {
    this.connection = new HttpConnection(server.place)
    this.#dialect = dialect
  }

  async block(): Promise<number[]> {
    const taken: number[] = []
    for (let write = 0; write < WRITES_PER_ROUND; write++) taken.push(await timed(() => this.#write()))
    return taken
  }

  async #write(): Promise<void> {
    const key = `alone/${this.#writes++ % KEYS}`
    const value = String(this.#writes).padEnd(VALUE_BYTES, "x")
    const request = { call: { op: "put", key, value }, form: "plain", consistency: "default" } as const
    const answer = await this.connection.request(this.#dialect.encode(request), TIMEOUT_MS)
    const outcome = this.#dialect.decode(request, answer)
    if (outcome.type !== "ok") throw new Error(`${this.#dialect.name}: ${outcome.note}`)
  }
}

function row({ ovl, etcd }: Taken): Row {
  const [ours, theirs] = [median(ovl.flat()), median(etcd.flat())]
  const byRounds = medianRatio(ovl.map((block, round) => [median(etcd[round]!), median(block)] as const))
  const factor = Math.min(theirs / ours, byRounds)
  const perSecond = (ms: number) => `${Math.round(1000 / ms)}/s`
  return {
    what: "three servers: one client, PUT after PUT, median, warm",
    ovl: `${milliseconds(ours)} (${perSecond(ours)})`,
    reference: `${milliseconds(theirs)} (${perSecond(theirs)}), three members of etcd, v3 JSON API`,
    comparison: `${factor.toFixed(2)} x`,
    goal: "no slower",
    reached: factor >= 1,
    figures: {
      ovlMs: ours,
      ovlP95Ms: quantile(ovl.flat(), 0.95),
      referenceMs: theirs,
      referenceP95Ms: quantile(etcd.flat(), 0.95),
      factor,
      byRounds,
    },
  }
}

export const replicatedAlone: Benchmark = {
  name: "replicated-alone",
  summary: "one client's PUT after PUT on three servers, beside three members of etcd",
  run,
}
