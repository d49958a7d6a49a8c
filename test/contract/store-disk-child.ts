/**
 * Runs in a mount namespace of its own, with a small file system at argv[2]: fills it in several ways and prints, a line
 * each, what the store says to that.
 */
import { writeSync } from "node:fs"
import { rmSync, statfsSync, statSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import { systemClock } from "../../src/linux/system.ts"
import { openLoneStore } from "../../src/store/embedded.ts"
import type { Operation, Store } from "../../src/store/port.ts"

const disk = process.argv[2]!
const dir = join(disk, "data")
const junk = join(disk, "junk")

const say = (what: string, outcome: unknown) => writeSync(1, `${what}: ${outcome}\n`)
const open = () => openLoneStore({ dir, clock: systemClock, log: silentLog })
const put = (key: string, bytes: number): Operation => ({ op: "put", key, value: new Uint8Array(bytes).fill(7) })

async function outcome(action: Promise<unknown>): Promise<string> {
  try {
    await action
    return "ok"
  } catch (thrown) {
    return thrown instanceof OvlError ? thrown.code : String(thrown)
  }
}

async function fillStore(store: Store): Promise<number> {
  for (let i = 0; ; i++) {
    const code = await outcome(store.transact({ operations: [put(`big/${i}`, 262_144)] }))
    if (code === "ok") continue
    say("a write to the full disk", code)
    return i
  }
}

async function* flowing(all: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all
}

/** Leaves less than the store's reserve. */
function fillDisk(): void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(junk, new Uint8Array(bavail * bsize - 65_536))
}

const run = (...command: string[]) => Bun.spawnSync(command, { stdio: ["ignore", "inherit", "inherit"] }).exitCode

let store = await open()
await store.transact({ operations: [put("small", 10)] })
const session = { name: "", node: "n", behavior: "release" as const, lockDelayMs: 0, ttl: "", ttlMs: 0, checks: [] }
await store.createSession({ ...session, id: "s" })
const locking = { key: "lock", value: new Uint8Array(10), flags: 0n, session: "s" }
await store.kv([{ verb: "lock", ...locking }])
const pieces: Uint8Array[] = []
for await (const piece of store.exportSnapshot({ areas: [""] }).chunks) pieces.push(piece)
const count = await fillStore(store)
say("reads", store.range("big/").entries.length === count && store.get("small") !== undefined)
say("the reserve", statSync(join(dir, "store", "reserve")).size)
say("a small write", await outcome(store.transact({ operations: [put("x", 1)] })))
say("a lease", await outcome(store.grantLease("l", 10_000)))
say("a set", await outcome(store.kv([{ verb: "set", key: "x", value: new Uint8Array(1), flags: 0n }])))
say("a session", await outcome(store.createSession({ ...session, id: "t" })))
say("a restore", await outcome(store.importSnapshot(flowing(pieces), { areas: [""] })))
say("the end of a session", await outcome(store.destroySession("s")))
say("its key", store.get("lock")?.lease)
const mixed = [put("x", 200_000), put("y", 200_000)].map((operation) =>
  outcome(store.transact({ operations: [operation] })),
)
const deleted = outcome(store.transact({ operations: [{ op: "delete", key: "big/0" }] }))
say("writes beside a deletion", (await Promise.all(mixed)).join(" "))
say("the deletion", await deleted)
for (let i = 1; i < 12; i++) await outcome(store.transact({ operations: [{ op: "delete", key: `big/${i}` }] }))
say("deleted", 12 - store.range("big/", { limit: 12 }).entries.filter(({ key }) => Number(key.slice(4)) < 12).length)
say("a write in the room of what was deleted", await outcome(store.transact({ operations: [put("x", 262_144)] })))

await store.transact({ operations: [{ op: "deletePrefix", prefix: "" }] })
await store.close()
rmSync(dir, { recursive: true })
store = await open()
await store.transact({ operations: [put("k", 1)] })
fillDisk()
const burst = [put("x", 1_000_000), { op: "delete" as const, key: "k" }, put("y", 1_000_000)]
const outcomes = burst.map((operation) => outcome(store.transact({ operations: [operation] })))
say("writes and a deletion in one commit", (await Promise.all(outcomes)).join(" "))
await store.close()
store = await open()
say("opened on the full disk, reads", store.lastChange("k") === store.revision)
say("opened on the full disk, writes", await outcome(store.transact({ operations: [put("large", 1_000_000)] })))
unlinkSync(junk)
say("with room again", await outcome(store.transact({ operations: [put("large", 1_000_000)] })))
say("the reserve", statSync(join(dir, "store", "reserve")).size)
await store.close()

rmSync(dir, { recursive: true })
fillDisk()
writeFileSync(join(disk, "rest"), "", {})
writeFileSync(junk, new Uint8Array(statfsSync(disk).bavail * statfsSync(disk).bsize), { flag: "a" })
say("a new store on a full disk", await outcome(open()))
unlinkSync(junk)
say("and with room", await outcome(open().then((opened) => opened.close())))

say("remounted", run("mount", "-o", "remount,ro", disk))
say("read-only", await outcome(open()))
