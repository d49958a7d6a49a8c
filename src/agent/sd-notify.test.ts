import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ManualClock } from "../base/manual-clock.ts"
import { AF_UNIX, bind, close, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_DGRAM, socket } from "../linux/libc.ts"
import { serviceManager } from "./sd-notify.ts"

const PID = 4_711
let dir: string
let fd: number
let path: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ovl-notify-"))
  path = join(dir, "notify")
  fd = listen(`${path}\0`)
})
afterEach(() => {
  close(fd)
  rmSync(dir, { recursive: true })
})

/** A manager's end: a datagram socket of this name. */
function listen(name: string): number {
  const opened = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  const bytes = new TextEncoder().encode(name)
  const address = new Uint8Array(2 + bytes.length)
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(bytes, 2)
  bind(opened, address)
  return opened
}

/** What came, a datagram each. */
function heard(from = fd): string[] {
  const buffer = new Uint8Array(4_096)
  const found: string[] = []
  for (let n = recv(from, buffer, MSG_DONTWAIT); n > 0; n = recv(from, buffer, MSG_DONTWAIT))
    found.push(new TextDecoder().decode(buffer.subarray(0, n)))
  return found
}

test("ready with a line for people, and stopping", () => {
  const manager = serviceManager({ NOTIFY_SOCKET: path }, PID)
  manager.ready("server swarm-01\nMAINPID=1")
  manager.stopping()
  expect(heard()).toEqual([
    "READY=1\nSTATUS=server swarm-01 MAINPID=1\n",
    "STOPPING=1\nSTATUS=stopping; the data plane stays as it is\n",
  ])
})

test("what the daemon starts does not find the manager", () => {
  const env: Record<string, string> = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "1", WATCHDOG_PID: "1", PATH: "/bin" }
  serviceManager(env, PID)
  expect(env).toEqual({ PATH: "/bin" })
})

test("an abstract socket is one whose name begins with @", () => {
  const name = `ovl-notify-${process.pid}`
  const abstract = listen(`\0${name}`)
  try {
    serviceManager({ NOTIFY_SOCKET: `@${name}` }, PID).ready("up")
    expect(heard(abstract)).toEqual(["READY=1\nSTATUS=up\n"])
  } finally {
    close(abstract)
  }
})

test("signs of life at half of the time that is allowed, until the end", () => {
  const clock = new ManualClock()
  const stop = serviceManager({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "3000000", WATCHDOG_PID: `${PID}` }, PID).watch(
    clock,
  )
  clock.advance(4_500)
  expect(heard()).toEqual(Array.from({ length: 4 }, () => "WATCHDOG=1\n"))
  stop()
  clock.advance(10_000)
  expect([heard(), clock.timers]).toEqual([[], 0])
})

test("a manager that does not read holds nothing up", () => {
  const clock = new ManualClock()
  const manager = serviceManager({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "2000" }, PID)
  manager.watch(clock)
  clock.advance(2_000)
  manager.stopping()
  expect(heard().length).toBeLessThan(1_000)
})

test.each([
  [{}],
  [{ WATCHDOG_USEC: "0" }],
  [{ WATCHDOG_USEC: "soon" }],
  [{ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1" }],
])("no sign of life where none is waited for: %j", (env: Record<string, string>) => {
  const clock = new ManualClock()
  serviceManager({ NOTIFY_SOCKET: path, ...env }, PID).watch(clock)()
  expect([heard(), clock.timers]).toEqual([[], 0])
})

test("without a manager, or with one that is gone, nothing happens", () => {
  const clock = new ManualClock()
  for (const env of [{}, { NOTIFY_SOCKET: "" }, { NOTIFY_SOCKET: join(dir, "gone") }]) {
    const manager = serviceManager(env, PID)
    manager.ready("up")
    manager.watch(clock)()
    manager.stopping()
  }
  expect(heard()).toEqual([])
})
