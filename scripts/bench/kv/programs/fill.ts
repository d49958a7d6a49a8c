/**
 * Words: the port of ovl. Writes a million keys with values of 100 bytes into ten folders, by transactions over a few
 * connections at once. Prints how long it took, in ms.
 */
import { Connection } from "./connection.ts"

const KEYS = 1_000_000
const FOLDERS = 10
const VALUE_BYTES = 100
const KEYS_PER_TRANSACTION = 125
const CONNECTIONS = 8

const port = Number(process.argv[2])
const start = performance.now()
let next = 0

function set(number: number): object {
  const value = Buffer.from(String(number).padEnd(VALUE_BYTES, "x")).toString("base64")
  return { KV: { Verb: "set", Key: `folder${number % FOLDERS}/${String(number).padStart(7, "0")}`, Value: value } }
}

async function fill(): Promise<void> {
  const connection = await Connection.open(port)
  while (next < KEYS) {
    const sets = Array.from({ length: KEYS_PER_TRANSACTION }, () => set(next++))
    await connection.ask("PUT", "/v1/txn", JSON.stringify(sets))
  }
  connection.close()
}

await Promise.all(Array.from({ length: CONNECTIONS }, fill))
console.log(JSON.stringify(performance.now() - start))
