/**
 * Words: the port of ovl. One client's writes, in turns without watchers and with ten thousand on other keys, each a
 * blocking query on a connection of its own. Prints the medians of the rounds, in ms, as pairs of with and without.
 */
import { raiseOpenFiles } from "../../../../src/linux/limits.ts"
import { median } from "../../statistics.ts"
import { type Answer, Connection, timeEach } from "./connection.ts"

const WATCHERS = 10_000
const ROUNDS = 7
const WRITES = 400
/** The server's backlog of connections is bounded. */
const OPENED_AT_ONCE = 100
const KEYS_PER_TRANSACTION = 100
const SETTLE_MS = 500

const port = Number(process.argv[2])
raiseOpenFiles()
const writer = await Connection.open(port)

let writes = 0
const write = () => writer.ask("PUT", `/v1/kv/written/${writes++ % 100}`, String(writes).padEnd(128, "x"))

async function makeWatchedKeys(): Promise<void> {
  for (let first = 0; first < WATCHERS; first += KEYS_PER_TRANSACTION) {
    const sets = Array.from({ length: KEYS_PER_TRANSACTION }, (_, i) => ({
      KV: { Verb: "set", Key: `watched/${first + i}`, Value: "eA==" },
    }))
    await writer.ask("PUT", "/v1/txn", JSON.stringify(sets))
  }
}

class Watchers {
  readonly #connections: Connection[] = []
  /** Of whom was answered, in this order; a watcher whose connection broke is -1. */
  readonly answered: number[] = []

  async open(): Promise<void> {
    // Written last of them all: none of the others has changed since its index.
    await writer.ask("PUT", `/v1/kv/watched/${WATCHERS - 1}`, "last")
    const head = await writer.ask("GET", `/v1/kv/watched/${WATCHERS - 1}`)
    const index = /\r\nx-consul-index: (\d+)/i.exec(head)![1]!
    while (this.#connections.length < WATCHERS) {
      const opened = await Promise.all(Array.from({ length: OPENED_AT_ONCE }, () => Connection.open(port)))
      for (const connection of opened) this.#watch(connection, index)
    }
    await Bun.sleep(SETTLE_MS)
  }

  #watch(connection: Connection, index: string): void {
    const number = this.#connections.push(connection) - 1
    const answer = connection.request("GET", `/v1/kv/watched/${number}?index=${index}&wait=10m`)
    void answer.then(
      ({ status }: Answer) => this.answered.push(status === 200 ? number : -1),
      () => this.answered.push(-1),
    )
  }

  /** A write to one of their keys wakes that one alone; else they were never there. */
  async prove(): Promise<void> {
    const one = Math.floor(WATCHERS / 2)
    await writer.ask("PUT", `/v1/kv/watched/${one}`, "woken")
    await Bun.sleep(SETTLE_MS)
    if (this.answered.join() !== String(one)) throw new Error(`instead of one, ${this.answered.length} were answered`)
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close()
    await Bun.sleep(SETTLE_MS)
  }
}

await makeWatchedKeys()
await timeEach(WRITES, write)
const pairs: [number, number][] = []
for (let round = 0; round < ROUNDS; round++) {
  const without = median(await timeEach(WRITES, write))
  const watchers = new Watchers()
  await watchers.open()
  const withThem = median(await timeEach(WRITES, write))
  await watchers.prove()
  await watchers.close()
  pairs.push([withThem, without])
}
writer.close()
console.log(JSON.stringify(pairs))
