import { afterAll, expect, test } from "bun:test"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { writeWhole } from "./atomic-file.ts"

const dir = mkdtempSync(join(tmpdir(), "ovl-atomic-"))
afterAll(() => rmSync(dir, { recursive: true }))

const bytes = new TextEncoder().encode("content")

async function refused(path: string): Promise<string> {
  const error = (await writeWhole(path, (put) => put(bytes)).catch((each) => each)) as OvlError
  return `${error.code} ${error.exitStatus}`
}

test("a new file is its owner's, one that was there is replaced, a link is followed", async () => {
  const path = join(dir, "new")
  await writeWhole(path, (put) => put(bytes))
  expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["content", 0o600])
  writeFileSync(join(dir, "old"), "before")
  symlinkSync(join(dir, "old"), join(dir, "link"))
  await writeWhole(join(dir, "link"), (put) => put(bytes))
  expect(readFileSync(join(dir, "old"), "utf8")).toBe("content")
  expect(readdirSync(dir).sort()).toEqual(["link", "new", "old"])
})

test("what fails half-way leaves what was there before", async () => {
  const path = join(dir, "kept")
  writeFileSync(path, "before")
  const failing = writeWhole(path, async (put) => {
    await put(bytes)
    throw new OvlError("over", "it: is over")
  })
  expect(await failing.catch((each: OvlError) => each.code)).toBe("over")
  expect(readFileSync(path, "utf8")).toBe("before")
  expect(readdirSync(dir).filter((name) => name.includes("part"))).toEqual([])
})

test("an interrupt ends it, and takes the draft away", async () => {
  const interrupted = writeWhole(join(dir, "never"), async (put, signal) => {
    await put(bytes)
    process.kill(process.pid, "SIGINT")
    await new Promise((resolve) => signal.addEventListener("abort", resolve))
    throw new Error("aborted")
  })
  expect(await interrupted.catch((each: OvlError) => each.code)).toBe("interrupted")
  expect(readdirSync(dir).filter((name) => name.startsWith("never"))).toEqual([])
})

test("places where no file can be", async () => {
  mkdirSync(join(dir, "folder"))
  expect(await refused(join(dir, "folder"))).toBe("file_special 2")
  expect(await refused("/dev/null")).toBe("file_special 2")
  expect(await refused(join(dir, "none", "x"))).toBe("folder_not_found 3")
  expect(await refused(join(dir, "old", "x"))).toBe("folder_not_found 3")
  expect(await refused("/proc/self/x")).toBe("file_unwritable 1")
  await expect(writeWhole("/proc/self/x", async () => {})).rejects.toThrow("/proc/self/x: no file can be made there")
})
