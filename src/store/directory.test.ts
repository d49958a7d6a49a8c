import { afterEach, beforeEach, expect, test } from "bun:test"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { silentLog } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import { openLoneStore } from "./embedded.ts"

let dir = ""
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-store-"))
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = (path = dir) => openLoneStore({ dir: path, clock: systemClock, log: silentLog })

function openFiles(pid: number): string[] {
  const fds = `/proc/${pid}/fd`
  return readdirSync(fds).map((fd) => {
    try {
      return readlinkSync(join(fds, fd))
    } catch {
      return "closed meanwhile"
    }
  })
}

async function refusal(promise: Promise<unknown>): Promise<OvlError> {
  try {
    await promise
  } catch (thrown) {
    if (thrown instanceof OvlError) return thrown
    throw thrown
  }
  throw new Error("it was not refused")
}

test("the directory is for its owner only, and so are the files", async () => {
  const store = await open(join(dir, "a", "b"))
  await store.transact({ operations: [{ op: "put", key: "k", value: new Uint8Array(9) }] })
  const inside = join(dir, "a", "b", "store")
  const modes = readdirSync(inside)
    .sort()
    .map((name) => `${name} ${(statSync(join(inside, name)).mode & 0o777).toString(8)}`)
  expect([`${(statSync(inside).mode & 0o777).toString(8)}`, ...modes]).toEqual([
    "700",
    "data.mdb 600",
    "lock.mdb 600",
    "owner 600",
    "reserve 600",
  ])
  await store.close()
})

test("a second daemon is refused, and told who the first is; afterwards it may", async () => {
  const first = await open()
  const error = await refusal(open())
  expect(error).toMatchObject({ code: "data_in_use", kind: "conflict" })
  expect(error.message).toContain(`pid ${process.pid}`)
  expect(readFileSync(join(dir, "store", "owner"), "utf8")).toBe(`${process.pid}\n`)
  await first.close()
  await (await open()).close()
})

test("a process that the holder started does not keep the lock", async () => {
  const store = await open()
  const child = Bun.spawn(["sleep", "60"])
  // Between fork and exec it has all that we have.
  while (openFiles(child.pid).some((path) => path.endsWith("/owner"))) await Bun.sleep(1)
  await store.close()
  await (await open()).close()
  child.kill()
  await child.exited
})

test("a directory that cannot be one is refused", async () => {
  writeFileSync(join(dir, "file"), "")
  expect((await refusal(open(join(dir, "file")))).code).toBe("data_unusable")
  mkdirSync(join(dir, "d", "store", "data.mdb"), { recursive: true })
  expect((await refusal(open(join(dir, "d")))).code).toBe("data_unusable")
  // Nothing keeps the lock of what was refused.
  rmSync(join(dir, "d", "store", "data.mdb"), { recursive: true })
  await (await open(join(dir, "d"))).close()
})
