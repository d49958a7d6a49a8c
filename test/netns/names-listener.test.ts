/** The ears of a network by themselves: sockets in a namespace that this process is not in, and their bounds. */
import { afterEach, expect, test } from "bun:test"
import { listen } from "../../src/agent/names-listener.ts"
import type { Clock } from "../../src/base/clock.ts"
import { DNS_CONNECTIONS_PER_CLIENT_MAX, DNS_QUESTIONS_PER_WINDOW_MAX, DNS_WINDOW_MS } from "../../src/base/limits.ts"
import { framed } from "../../src/dns/framing.ts"
import { systemClock } from "../../src/linux/system.ts"
import { exchange } from "../support/dns.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot, inNamespace, sandbox } from "../support/netns.ts"

const GATEWAY = "10.65.10.1"

describeAsRoot("listening in a namespace", () => {
  const box = sandbox()
  let close = () => {}
  afterEach(() => close())

  /** Echoes what it hears; `silent` keeps its answers to itself. */
  async function echo(label: string, options: { silent?: boolean; clock?: Clock } = {}) {
    const space = box.namespace(label)
    for (const command of ["link set lo up", `addr add ${GATEWAY}/24 dev lo`, "addr add 10.65.10.2/24 dev lo"])
      space.run(`ip ${command}`)
    const heard: string[] = []
    const listener = await listen({
      netns: space.path,
      address: GATEWAY,
      clock: options.clock ?? systemClock,
      answer: (address, message, way, reply) => {
        heard.push(`${address} ${way} ${Buffer.from(message).toString()}`)
        if (!options.silent) reply(message)
      },
    })
    close = listener.close
    return { space, heard }
  }

  const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

  test("by both ways, at the gateway's address only, until it is closed", async () => {
    const { space, heard } = await echo("both")
    for (const way of ["udp", "tcp"] as const) {
      expect(text(await exchange(space.path, GATEWAY, Buffer.from("hello"), { way }))).toBe("hello")
      expect(await exchange(space.path, "127.0.0.1", Buffer.from("hello"), { way, timeoutMs: 300 })).toBeNull()
    }
    expect(heard).toEqual([`${GATEWAY} udp hello`, `${GATEWAY} tcp hello`])
    close()
    expect(space.run("ss -Hlntu")).toBe("")
  })

  test("an address that is not there is refused, and nothing stays open", async () => {
    const { space } = await echo("refused")
    const other = listen({ netns: space.path, address: "10.9.9.9", clock: systemClock, answer: () => {} })
    expect(
      await other.then(
        () => "listens",
        (error: Error) => error.message,
      ),
    ).toMatch(/listen|address|EADDRNOTAVAIL/i)
    const taken = listen({ netns: space.path, address: GATEWAY, clock: systemClock, answer: () => {} })
    expect(
      await taken.then(
        () => "listens",
        () => "refused",
      ),
    ).toBe("refused")
    expect(space.run("ss -Hlntu").trim().split("\n")).toHaveLength(2)
  })

  test("one address has so many connections, and others theirs", async () => {
    const { space } = await echo("connections")
    let closed = 0
    const connect = () =>
      inNamespace(space.path, () =>
        Bun.connect({ hostname: GATEWAY, port: 53, socket: { data() {}, close: () => void closed++ } }),
      )
    const sockets = await Promise.all(Array.from({ length: DNS_CONNECTIONS_PER_CLIENT_MAX + 8 }, connect))
    await Bun.sleep(200)
    expect(closed).toBe(8)
    for (const socket of sockets) socket.terminate()
    await Bun.sleep(100)
    expect(text(await exchange(space.path, GATEWAY, Buffer.from("again"), { way: "tcp" }))).toBe("again")
  })

  test("who asks on without waiting for answers is cut off", async () => {
    const { space, heard } = await echo("greedy", { silent: true })
    const many = Buffer.concat(Array.from({ length: 200 }, () => framed(Buffer.from("x"))))
    const { promise, resolve } = Promise.withResolvers<string>()
    await inNamespace(space.path, () =>
      Bun.connect({
        hostname: GATEWAY,
        port: 53,
        socket: { open: (socket) => void socket.write(many), data() {}, close: () => resolve("closed") },
      }),
    )
    expect(await promise).toBe("closed")
    expect(heard).toHaveLength(64)
  })

  test("in one stretch of time so many questions of one address, and then again", async () => {
    let now = 0
    const { space, heard } = await echo("flood", { clock: { ...systemClock, monotonic: () => now } })
    const socket = await inNamespace(space.path, () =>
      Bun.udpSocket({ connect: { hostname: GATEWAY, port: 53 }, socket: { data() {} } }),
    )
    for (let sent = 0; sent < DNS_QUESTIONS_PER_WINDOW_MAX + 200; sent += 100) {
      for (let n = 0; n < 100; n++) socket.send("flood")
      // Few enough at a time that the socket holds them all.
      await until(() => heard.length >= Math.min(sent + 100, DNS_QUESTIONS_PER_WINDOW_MAX), "they are heard")
    }
    await Bun.sleep(50)
    socket.close()
    expect(heard).toHaveLength(DNS_QUESTIONS_PER_WINDOW_MAX)
    now += DNS_WINDOW_MS
    expect(text(await exchange(space.path, GATEWAY, Buffer.from("after")))).toBe("after")
  })
})
