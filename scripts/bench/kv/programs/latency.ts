/**
 * Words: the port of ovl, a directory on its disk. One client's PUT after PUT, and in turns with it LMDB's own durable
 * commit of the same value, in this process and with nothing around it. Prints what each one took, in ms.
 */
import { open } from "lmdb"
import { Connection, timeEach } from "./connection.ts"

const BLOCKS = 20
const BLOCK = 100
const WARM_UP_BLOCKS = 2
const KEYS = 1_000
const VALUE_BYTES = 128

const [port = "", directory = ""] = process.argv.slice(2)
const connection = await Connection.open(Number(port))
const database = open<Uint8Array, string>({
  path: directory,
  overlappingSync: false,
  eventTurnBatching: false,
  encoding: "binary",
})

let writes = 0
const nextKey = () => `bench/${writes++ % KEYS}`
const nextValue = () => String(writes).padEnd(VALUE_BYTES, "x")
const put = () => connection.ask("PUT", `/v1/kv/${nextKey()}`, nextValue())
const commit = () => database.transactionSync(() => void database.put(nextKey(), Buffer.from(nextValue())))

const [puts, commits]: [number[], number[]] = [[], []]
for (let block = 0; block < WARM_UP_BLOCKS + BLOCKS; block++) {
  const [ovl, lmdb] = [await timeEach(BLOCK, put), await timeEach(BLOCK, commit)]
  if (block < WARM_UP_BLOCKS) continue
  puts.push(...ovl)
  commits.push(...lmdb)
}
connection.close()
await database.close()
console.log(JSON.stringify({ puts, commits }))
