/**
 * Writes to the store in argv[2] until it is killed, eight writers at once, and prints a line for each acknowledged
 * transaction: the revision and the number it wrote. Each transaction writes its number under two keys. With `trees` in
 * argv[3] it makes and deletes one tree of many keys instead, which takes several slices of one transaction.
 */
import { writeSync } from "node:fs"
import { silentLog } from "../../src/base/log.ts"
import { systemClock } from "../../src/linux/system.ts"
import { openLoneStore } from "../../src/store/embedded.ts"

const store = await openLoneStore({ dir: process.argv[2]!, clock: systemClock, log: silentLog })
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

async function* flowing(pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

/** Makes the tree and takes it away, with a session and a snapshot of it in between. */
async function growAndFell(): Promise<never> {
  const value = Buffer.alloc(100, 1)
  const keys = Array.from({ length: 4_000 }, (_, i) => `tree/${i}`)
  for (;;) {
    await store.transact({ operations: keys.map((key) => ({ op: "put", key, value })) })
    const pieces: Uint8Array[] = []
    for await (const piece of store.exportSnapshot({ areas: ["tree/"] }).chunks) pieces.push(piece)
    const felled = await store.kv([{ verb: "delete-tree", key: "tree/" }])
    writeSync(1, `${felled.revision} felled\n`)
    await store.importSnapshot(flowing(pieces), { areas: ["tree/"] })
    writeSync(1, `${store.revision} restored\n`)
  }
}

if (round === "trees") await growAndFell()
await Promise.all(Array.from({ length: 8 }, write))
