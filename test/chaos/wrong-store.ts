/**
 * A store in one process that looks like a cluster of ovl nodes to clients - keys, transactions, locks, blocking queries,
 * on a port for each node - and is wrong in one chosen way. What judges clusters has to convict it, and to acquit it
 * where nothing is wrong with it.
 */
import { consulDialect } from "../../scripts/chaos/consul-dialect.ts"
import type { Entrance } from "../../scripts/chaos/topology.ts"

export type Wrong =
  | "nothing"
  /** One node answers default and consistent reads from what was the case a while ago. */
  | "stale reads"
  /** Some writes are acknowledged and not done. */
  | "lost writes"
  /** Some writes are done a second time, a while after they were acknowledged. */
  | "repeated writes"
  /** Between the halves of a transaction others are served. */
  | "torn transactions"
  /** Reads that may be stale are now old and now new, from one and the same node. */
  | "stale reads that go back"
  /** Some are given a lock that another one holds. */
  | "two holders"
  /** A blocking query is sometimes told an index that was the case before. */
  | "an index that goes back"

interface Row {
  value: string
  created: number
  modified: number
  session: string | null
}

interface Version {
  at: number
  row: Row | null
}

interface Step {
  Verb: "set" | "cas" | "delete" | "get-or-empty"
  Key: string
  Value?: string
  Index?: number
}

const WRONG_EVERY = 8
const BEHIND_MS = 80
/** Few stale reads of one node fall on one key: two that do shall differ. */
const FAR_BEHIND_MS = 500
const DELAY_MAX_MS = 4
const POLL_MS = 2

export class WrongStore {
  readonly dialect = consulDialect
  readonly entrances: Entrance[]
  readonly #wrong: Wrong
  readonly #servers: Bun.Server<undefined>[]
  readonly #versions = new Map<string, Version[]>()
  #revision = 1
  #sessions = 0
  #turn = 0

  constructor(wrong: Wrong, nodes = 3) {
    this.#wrong = wrong
    this.#servers = Array.from({ length: nodes }, (_, node) => {
      const fetch = async (request: Request) => {
        await Bun.sleep(Math.random() * DELAY_MAX_MS)
        const answer = await this.#serve(request, node)
        await Bun.sleep(Math.random() * DELAY_MAX_MS)
        return answer
      }
      return Bun.serve({ hostname: "127.0.0.1", port: 0, fetch })
    })
    this.entrances = this.#servers.map(({ port }, node) => {
      return { name: `node-${node}`, source: `node-${node}#1`, place: { namespace: null, port: port! } }
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop(true)))
  }

  async #serve(request: Request, node: number): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const body = await request.text()
    const [, , kind, ...rest] = pathname.split("/")
    if (kind === "txn") return this.#transaction((JSON.parse(body) as { KV: Step }[]).map(({ KV }) => KV))
    if (kind === "session") return this.#session(rest[0]!, rest[1] ?? "")
    const key = rest.join("/")
    if (request.method === "DELETE") this.#write(key, null)
    else if (request.method === "PUT") return this.#put(key, body, searchParams)
    else if (searchParams.has("recurse")) return this.#folder(key, searchParams)
    else return this.#get(key, searchParams.has("stale"), node)
    return Response.json(true)
  }

  #get(key: string, isStale: boolean, node: number): Response {
    const isOld = this.#wrong === "stale reads" && node === 1 && !isStale
    const isBack = this.#wrong === "stale reads that go back" && isStale && this.#isTurn(3)
    const row = this.#read(key, performance.now() - (isOld ? BEHIND_MS : isBack ? FAR_BEHIND_MS : 0))
    const headers = { "X-Consul-Index": String(row?.modified ?? this.#revision) }
    if (row === null) return new Response("", { status: 404, headers })
    return Response.json([shown(key, row)], { headers })
  }

  #put(key: string, value: string, query: URLSearchParams): Response {
    const row = this.#read(key)
    const [cas, acquire, release] = [query.get("cas"), query.get("acquire"), query.get("release")]
    if (cas !== null && Number(cas) !== (row?.modified ?? 0)) return Response.json(false)
    if (acquire !== null && row?.session && row.session !== acquire) {
      if (this.#wrong !== "two holders" || !this.#isTurn(5)) return Response.json(false)
    }
    if (release !== null && row?.session !== release) return Response.json(false)
    if (this.#wrong === "lost writes" && cas === null && this.#isTurn()) return Response.json(true)
    this.#write(key, value, acquire ?? (release === null ? (row?.session ?? null) : null))
    if (this.#wrong === "repeated writes" && this.#isTurn()) setTimeout(() => this.#write(key, value), BEHIND_MS)
    return Response.json(true)
  }

  async #transaction(steps: Step[]): Promise<Response> {
    const rows: { KV: ReturnType<typeof shown> }[] = []
    const revision = this.#revision + 1
    for (const step of steps) {
      if (this.#wrong === "torn transactions") await Bun.sleep(DELAY_MAX_MS)
      const row = this.#read(step.Key)
      if (step.Verb === "cas" && step.Index !== (row?.modified ?? 0)) {
        return Response.json({ Results: null, Errors: [{ What: "index is stale" }] }, { status: 409 })
      }
      if (step.Verb === "delete") this.#write(step.Key, null)
      else if (step.Verb !== "get-or-empty") {
        const value = Buffer.from(step.Value!, "base64").toString()
        this.#write(step.Key, value, row?.session ?? null, this.#wrong === "torn transactions" ? undefined : revision)
      }
      const after = this.#read(step.Key) ?? { value: "", created: 0, modified: 0, session: null }
      if (step.Verb !== "delete") rows.push({ KV: shown(step.Key, after) })
    }
    return Response.json({ Results: rows, Errors: null })
  }

  #session(verb: string, id: string): Response {
    if (verb === "create") return Response.json({ ID: `session-${++this.#sessions}` })
    if (verb === "renew") return Response.json([{ ID: id }])
    for (const key of this.#versions.keys()) {
      const row = this.#read(key)
      if (row?.session === id) this.#write(key, row.value, null)
    }
    return Response.json(true)
  }

  async #folder(prefix: string, query: URLSearchParams): Promise<Response> {
    const end = performance.now() + Number.parseInt(query.get("wait") ?? "0", 10)
    const isNew = () => this.#newest(prefix) > Number(query.get("index"))
    while (!isNew() && performance.now() < end) await Bun.sleep(POLL_MS)
    const rows = [...this.#versions.keys()].filter((key) => key.startsWith(prefix)).map((key) => [key, this.#read(key)])
    const present = rows.flatMap(([key, row]) => (row === null ? [] : [shown(key as string, row as Row)]))
    const isBack = this.#wrong === "an index that goes back" && this.#isTurn()
    const newest = this.#newest(prefix) - (isBack ? 10 : 0)
    return Response.json(present, { headers: { "X-Consul-Index": String(Math.max(1, newest)) } })
  }

  #newest(prefix: string): number {
    const keys = [...this.#versions.keys()].filter((key) => key.startsWith(prefix))
    return Math.max(0, ...keys.map((key) => this.#read(key)?.modified ?? 0))
  }

  #read(key: string, at = performance.now()): Row | null {
    return this.#versions.get(key)?.findLast((version) => version.at <= at)?.row ?? null
  }

  #write(key: string, value: string | null, session: string | null = null, revision = this.#revision + 1): void {
    const before = this.#read(key)
    this.#revision = revision
    const row = value === null ? null : { value, created: before?.created ?? revision, modified: revision, session }
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), { at: performance.now(), row }].slice(-200))
  }

  #isTurn(every = WRONG_EVERY): boolean {
    return ++this.#turn % every === 0
  }
}

function shown(key: string, { value, created, modified, session }: Row) {
  const holder = session === null ? {} : { Session: session }
  const Value = value === "" ? null : Buffer.from(value).toString("base64")
  return { Key: key, Value, CreateIndex: created, ModifyIndex: modified, ...holder }
}
