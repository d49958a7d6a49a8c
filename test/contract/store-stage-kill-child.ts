/**
 * Run by store-stage-kill.test.ts: opens the store in argv[2], and until it is killed replaces its state by the next one, over and
 * over, and prints the number of each that it has installed. The state number n is n in the value of each of its rows.
 */
import { writeSync } from "node:fs"
import { silentLog } from "../../src/base/log.ts"
import { openLmdb } from "../../src/store/lmdb.ts"
import { TABLE_NAMES } from "../../src/store/tables.ts"

const ROWS = 300

const backend = openLmdb(process.argv[2]!, silentLog)
let number = Number(Buffer.from(backend.tables.raft.get("number") ?? "0"))
for (;;) {
  number++
  const value = Buffer.from(`${number}`.padEnd(200))
  const stage = await backend.stage()
  for (const name of TABLE_NAMES)
    await stage.load((tables) => {
      for (let i = 0; i < ROWS; i++) tables[name].put(`${i}`, value)
    })
  if (number % 5 === 4) stage.discard()
  else
    await backend.commit((tables) => {
      tables.raft.put("number", Buffer.from(`${number}`))
      tables.meta.put("last", value)
    }, stage)
  if (number % 5 !== 4) writeSync(1, `${number}\n`)
}
