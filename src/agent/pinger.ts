/**
 * Pings between workloads. Those from workloads of this node are sent from here; those from workloads of other nodes are
 * ordered by way of the leader, carried out there, and come back as a report.
 */
import type { Clock } from "../base/clock.ts"
import { asOvlError } from "../base/errors.ts"
import {
  PING_ANSWER_WAIT_MS,
  PING_AT_ONCE_MAX,
  PING_PARTS_AT_ONCE_MAX,
  PING_ROUND_MAX_MS,
  PING_ROUND_SLACK_MS,
} from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { type Random, randomHex } from "../base/random.ts"
import type { Catalog } from "../model/catalog.ts"
import type {
  PingLine,
  PingNetworkRequest,
  PingNetworkView,
  PingOrder,
  PingReply,
  PingReport,
  PingRequest,
  PingResult,
  PingTask,
  PingView,
} from "../model/ping.ts"
import { isAnswered, pingDurationMs, pingNumbers } from "../model/ping-numbers.ts"
import type { Cluster } from "../registry/port.ts"
import { addressesOf } from "../model/endpoint.ts"
import { bareIp, familyOf } from "../model/address.ts"
import { networkNotFound } from "../registry/networks.ts"
import type { echo } from "./echo.ts"
import { type PingPair, pairOf, pairsOf } from "./ping-pairs.ts"

export interface PingerOptions {
  replica: { readonly catalog: Catalog; look(networkIds: readonly string[] | null): Promise<Catalog> }
  nodeId: string
  cluster: Pick<Cluster, "pingRound" | "reportPing">
  echo: typeof echo
  clock: Clock
  random: Random
  log: Log
}

type OnReply = (reply: PingReply) => void
type Pace = Pick<PingTask, "count" | "intervalMs">

export class Pinger {
  readonly #o: PingerOptions
  readonly #parts = new Set<string>()
  readonly #end = new AbortController()
  /** Pings that are under way, and who waits for a place. */
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(options: PingerOptions) {
    this.#o = options
  }

  close(): void {
    this.#end.abort()
  }

  /**
   * Errors: those of `pairOf`, before anything is told. What fails on the way is in the view. Answers are told as they
   * come where the source lives here; another node's come with its report.
   */
  async ping(request: PingRequest, onLine: (line: PingLine) => void = () => {}): Promise<PingView> {
    const pair = pairOf(await this.#all(), request)
    onLine({ pair: pair.sides })
    const isHere = pair.source.nodeId === this.#o.nodeId
    const [view] = await this.#pingPairs([pair], request, isHere ? (reply) => onLine({ reply }) : undefined)
    onLine({ view: view! })
    return view!
  }

  /** Errors: network_not_found, those of `pairsOf`. */
  async pingNetwork(reference: string, request: PingNetworkRequest): Promise<PingNetworkView> {
    const known = this.#o.replica.catalog
    const network = known.findNetwork(reference)
    if (!network) throw networkNotFound(reference, known.namesOf("networks"))
    const catalog = await this.#o.replica.look([network.id])
    const pairs = await this.#pingPairs(pairsOf(catalog, network.id, request.family ?? null), request)
    return { network: network.name, pairs, failed: pairs.filter((pair) => !isAnswered(pair)).length }
  }

  /** All that is known; where no server answers, what this node knows by itself. */
  async #all(): Promise<Catalog> {
    const { replica } = this.#o
    return replica.look(null).catch((error) => {
      if (asOvlError(error).kind === "unavailable") return replica.catalog
      throw error
    })
  }

  /** What other nodes have asked this one to do; what is under way already goes on. */
  takePart(orders: readonly PingOrder[]): void {
    for (const { asker, round, tasks } of orders) {
      const key = `${asker} ${round}`
      if (this.#parts.has(key) || this.#parts.size >= PING_PARTS_AT_ONCE_MAX || this.#end.signal.aborted) continue
      this.#parts.add(key)
      void this.#carryOut(round, tasks).finally(() => this.#parts.delete(key))
    }
  }

  async #carryOut(round: string, tasks: readonly PingTask[]): Promise<void> {
    const { cluster, nodeId, log } = this.#o
    const results = await Promise.all(tasks.map((task) => this.#run(task)))
    if (this.#end.signal.aborted) return
    await cluster
      .reportPing({ nodeId, round, results })
      .catch((error) => log.debug("cannot report on a ping", { why: asOvlError(error).message }))
  }

  /** Views in the order of the pairs. */
  async #pingPairs(pairs: readonly PingPair[], pace: Pace, onReply?: OnReply): Promise<PingView[]> {
    const { nodeId } = this.#o
    const tasks = pairs.map(({ source, to, onLink }, task) => {
      const { count, intervalMs } = pace
      return { nodeId: source.nodeId, task, endpointId: source.id, to, onLink, count, intervalMs }
    })
    const away = tasks.filter((task) => task.nodeId !== nodeId)
    const [here, there] = await Promise.all([
      Promise.all(tasks.filter((task) => task.nodeId === nodeId).map((task) => this.#run(task, onReply))),
      this.#order(away, pace),
    ])
    const results = new Map([...here, ...there].map((result) => [result.task, result]))
    return pairs.map(({ sides }, task) => {
      const { replies, problem } = results.get(task) ?? silent(task, sides.from.node)
      return { ...sides, ...pingNumbers(replies), replies, problem }
    })
  }

  /** Has other nodes carry these out. Never rejects: what did not come about says why. */
  async #order(tasks: readonly (PingTask & { nodeId: string })[], pace: Pace): Promise<PingResult[]> {
    const { cluster, nodeId, random } = this.#o
    const heard = tasks.filter((task) => this.#o.replica.catalog.alive.has(task.nodeId))
    if (heard.length === 0) return []
    const turns = Math.ceil(heard.length / PING_AT_ONCE_MAX)
    const timeoutMs = turns * (pingDurationMs(pace) + PING_ANSWER_WAIT_MS) + PING_ROUND_SLACK_MS
    const wish = { asker: nodeId, round: randomHex(random, 16), tasks: heard }
    try {
      const reports = await cluster.pingRound({ ...wish, timeoutMs: Math.min(timeoutMs, PING_ROUND_MAX_MS) })
      return reports.flatMap((report) => resultsOfOwn(report, heard))
    } catch (error) {
      const { message } = asOvlError(error)
      return heard.map(({ task }) => ({ task, replies: [], problem: `its node cannot be asked: ${message}` }))
    }
  }

  /** From an endpoint of this node. Never rejects. */
  async #run({ task, endpointId, to, onLink, count, intervalMs }: PingTask, onReply?: OnReply): Promise<PingResult> {
    const failed = (problem: string): PingResult => ({ task, replies: [], problem })
    await this.#place()
    try {
      const { replica, nodeId, clock, random } = this.#o
      const endpoint = replica.catalog.endpoints.get(endpointId)
      if (endpoint?.nodeId !== nodeId) return failed("it is gone")
      if (endpoint.netns === null || endpoint.state !== "up") return failed(`it is ${endpoint.state}, not up`)
      const from = addressesOf(endpoint).find((each) => familyOf(each) === familyOf(to))
      const near = onLink && from !== undefined
      const replies = await this.#o.echo({
        namespace: endpoint.netns,
        from: near ? bareIp(from) : null,
        device: near ? endpoint.ifname : null,
        to,
        count,
        intervalMs,
        clock,
        random,
        signal: this.#end.signal,
        ...(onReply ? { onReply } : {}),
      })
      return { task, replies, problem: null }
    } catch (error) {
      return failed(asOvlError(error).message)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #place(): Promise<void> {
    while (this.#running >= PING_AT_ONCE_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
  }
}

/** A node speaks for its own workloads only: what it says of another node's task counts for nothing. */
function resultsOfOwn(
  { nodeId, results }: PingReport,
  tasks: readonly (PingTask & { nodeId: string })[],
): PingResult[] {
  const own = new Set(tasks.flatMap((each) => (each.nodeId === nodeId ? [each.task] : [])))
  return results.filter(({ task }) => own.has(task))
}

function silent(task: number, node: string): PingResult {
  return { task, replies: [], problem: `node ${node} does not answer` }
}
