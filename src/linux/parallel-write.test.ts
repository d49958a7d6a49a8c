import { expect, test } from "bun:test"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AF_NETLINK, close, SOCK_CLOEXEC, SOCK_RAW, socket } from "./libc.ts"
import { writeTogether } from "./parallel-write.ts"

const bytesOf = (text: string) => new TextEncoder().encode(text)

test("each write reaches its own descriptor, whole, and all are through when it returns", () => {
  const directory = mkdtempSync(join(tmpdir(), "ovl-parallel-"))
  const paths = Array.from({ length: 30 }, (_, n) => join(directory, String(n)))
  const fds = paths.map((path) => openSync(path, "w"))
  try {
    writeTogether(fds.map((fd, n) => ({ fd, bytes: bytesOf(`this is ${n}`) })))
    expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(paths.map((_, n) => `this is ${n}`))
  } finally {
    for (const fd of fds) closeSync(fd)
    rmSync(directory, { recursive: true })
  }
})

test("sockets, which know no places, take them too", () => {
  const sockets = Array.from({ length: 3 }, () => socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0))
  try {
    // RTM_GETLINK of index 1, asked for an acknowledgement; the answer is read by nobody.
    const bytes = new Uint8Array(32)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, 32, true)
    view.setUint16(4, 18, true)
    view.setUint16(6, 5, true)
    view.setInt32(20, 1, true)
    expect(() => writeTogether(sockets.map((fd) => ({ fd, bytes })))).not.toThrow()
  } finally {
    for (const fd of sockets) close(fd)
  }
})

test("one that is refused is told after the others were carried out", () => {
  const directory = mkdtempSync(join(tmpdir(), "ovl-parallel-"))
  const path = join(directory, "right")
  const [right, wrong] = [openSync(path, "w"), openSync("/dev/null", "r")]
  try {
    const writes = [wrong, right].map((fd) => ({ fd, bytes: bytesOf("text") }))
    expect(() => writeTogether(writes)).toThrow("EBADF")
    expect(readFileSync(path, "utf8")).toBe("text")
  } finally {
    closeSync(right)
    closeSync(wrong)
    rmSync(directory, { recursive: true })
  }
})
