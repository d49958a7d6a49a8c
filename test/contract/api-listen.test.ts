/** The listeners: what they leave on disk, what they refuse, and how they end. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseHttpAddress } from "../../src/api/address.ts"
import { createApp } from "../../src/api/app.ts"
import { type ApiListener, listenTcp, listenUnix } from "../../src/api/listen.ts"
import { silentLog } from "../../src/base/log.ts"
import { createClient } from "../../src/client/client.ts"
import { type Fixture, openFixture } from "./api-fixture.ts"

let fixture: Fixture
let dir: string
beforeEach(async () => {
  fixture = await openFixture()
  dir = mkdtempSync(join(tmpdir(), `ovl-listen-${process.pid}-`))
})
afterEach(async () => {
  await fixture.close()
  rmSync(dir, { recursive: true })
})

const listen = (path: string): Promise<ApiListener> => listenUnix(createApp(fixture.node, { log: silentLog }), path)

describe("the Unix socket", () => {
  test("is for its owner and its group, and goes when it is closed", async () => {
    const path = join(dir, "ovl.sock")
    const umask = process.umask()
    const listener = await listen(path)
    expect(process.umask()).toBe(umask)
    expect((lstatSync(path).mode & 0o777).toString(8)).toBe("660")
    await listener.close()
    await listener.close()
    expect(existsSync(path)).toBe(false)
  })

  test("replaces what a daemon that was killed left there", async () => {
    const path = join(dir, "ovl.sock")
    const dying = `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response() }); process.kill(process.pid, "SIGKILL")`
    await Bun.spawn([process.execPath, "-e", dying], { env: { ...process.env, BUN_BE_BUN: "1" } }).exited
    expect(lstatSync(path).isSocket()).toBe(true)
    const listener = await listen(path)
    expect((await createClient({ socket: path }).status()).health).toBe("ok")
    await listener.close()
  })

  test("does not replace a live one, nor what is no socket", async () => {
    await expect(listen(fixture.socket)).rejects.toMatchObject({ code: "socket_in_use", kind: "conflict" })
    writeFileSync(join(dir, "file"), "kept")
    await expect(listen(join(dir, "file"))).rejects.toMatchObject({ code: "socket_path_taken", kind: "conflict" })
    await expect(listen(join(dir, "none/ovl.sock"))).rejects.toMatchObject({ code: "socket_failed" })
    await expect(listen(join(dir, "x".repeat(120)))).rejects.toMatchObject({
      code: "socket_path_invalid",
      kind: "usage",
    })
    expect((await fixture.client.status()).health).toBe("ok")
  })

  test("ends although somebody follows the events", async () => {
    const path = join(dir, "ovl.sock")
    const listener = await listen(path)
    const events = createClient({ socket: path }).events()
    const next = events.next().catch((error) => error)
    while (fixture.node.listeners === 0) await Bun.sleep(1)
    await listener.close()
    const ended = await next
    expect(ended.done === true || ended.code === "connection_lost").toBe(true)
    while (fixture.node.listeners > 0) await Bun.sleep(1)
  })
})

describe("TCP", () => {
  const listenAt = (text: string) => listenTcp(createApp(fixture.node, { log: silentLog }), parseHttpAddress(text)!)

  test("says which port is in use and which address is not here", async () => {
    expect(() => listenAt(fixture.url.slice("http://".length))).toThrow(
      /cannot listen on 127\.0\.0\.1:\d+: the port is in use/,
    )
    expect(() => listenAt("127.255.255.254:0").close()).not.toThrow()
    const foreign = parseHttpAddress("203.0.113.77:0")!
    const app = createApp(fixture.node, { log: silentLog })
    expect(() => listenTcp(app, { ...foreign, loopback: true })).toThrow("this host has no such address")
  })

  test("over IPv6", async () => {
    const listener = listenAt("[::1]:0")
    expect((await fetch(`http://${listener.address}/healthz`)).status).toBe(200)
    await listener.close()
  })
})
