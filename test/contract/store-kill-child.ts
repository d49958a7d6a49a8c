/**
 * Writes to the store in argv[2] until it is killed, eight writers at once, and prints a line for each acknowledged
 * transaction: the revision and the number it wrote. Each transaction writes its number under two keys.
 */
import { writeSync } from "node:fs"
import { silentLog } from "../../src/base/log.ts"
import { systemClock } from "../../src/linux/system.ts"
import { openEmbeddedStore } from "../../src/store/embedded.ts"

const store = await openEmbeddedStore({ dir: process.argv[2]!, clock: systemClock, log: silentLog })
const round = process.argv[3]!
let count = 0

async function write(): Promise<never> {
  for (;;) {
    const number = `${round}-${count++}`
    const value = Buffer.from(number.padEnd(200, "."))
    const { revision } = await store.transact({
      operations: [
        { op: "put", key: `left/${number}`, value },
        { op: "put", key: `right/${number}`, value },
        { op: "delete", key: `left/${round}-${count - 50}` },
        { op: "delete", key: `right/${round}-${count - 50}` },
        { op: "put", key: "last", value },
      ],
    })
    writeSync(1, `${revision} ${number}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, write))
