/** The server's part of `agent/knocks.ts`: clients that are not heard from are told where a server is, again and again. */
import type { Clock } from "../base/clock.ts"
import { KNOCK_INTERVAL_MS, KNOCK_TIMEOUT_MS, KNOCKS_AT_ONCE_MAX } from "../base/limits.ts"
import type { Catalog } from "../model/catalog.ts"

export interface KnockerOptions {
  catalog: Pick<Catalog, "nodes" | "alive">
  leads: () => boolean
  /** Where nodes of this cluster listen for each other. */
  port: number
  clock: Clock
  knock?: typeof knockAt
}

export class Knocker {
  readonly #o: KnockerOptions
  /** Nodes that a knock is on its way to. */
  readonly #underWay = new Set<string>()
  /** Whose turn it is next, where there are more than can be told at once. */
  #turn = 0
  #cancelTimer: () => void = () => {}
  #closed = false

  constructor(options: KnockerOptions) {
    this.#o = options
    this.#again()
  }

  /** This server has another address now: what clients are connected to is dead, and they do not know it yet. */
  moved(): void {
    this.#tell(this.#clients())
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer()
  }

  #again(): void {
    if (this.#closed) return
    this.#cancelTimer = this.#o.clock.after(KNOCK_INTERVAL_MS, () => {
      const { catalog, leads } = this.#o
      if (leads()) this.#tell(this.#clients().filter(({ id }) => !catalog.alive.has(id)))
      this.#again()
    })
  }

  #clients(): { id: string; address: string }[] {
    return [...this.#o.catalog.nodes.values()].filter(({ role, state }) => role === "client" && state === "member")
  }

  #tell(clients: readonly { id: string; address: string }[]): void {
    const { port, clock, knock = knockAt } = this.#o
    const start = clients.length === 0 ? 0 : this.#turn % clients.length
    for (const { id, address } of [...clients.slice(start), ...clients.slice(0, start)]) {
      if (this.#underWay.size >= KNOCKS_AT_ONCE_MAX) return
      if (this.#underWay.has(id)) continue
      this.#turn++
      this.#underWay.add(id)
      knock(address, port, clock).finally(() => this.#underWay.delete(id))
    }
  }
}

/** Resolves when it is over, whether or not anybody was there. */
async function knockAt(hostname: string, port: number, clock: Clock): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(KNOCK_TIMEOUT_MS, resolve)
  const socket = Bun.connect({
    hostname,
    port,
    socket: { data: () => {}, close: () => resolve(), error: () => resolve(), connectError: () => resolve() },
  })
  const close = socket.then(
    (opened) => () => void opened.terminate(),
    () => () => {},
  )
  // Where nobody answers, not even with a refusal, the kernel gives up by itself.
  await over
  cancel()
  void close.then((end) => end())
}
