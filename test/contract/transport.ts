/**
 * What every node-to-node transport must do, the one over TLS and the one in memory alike: calls, subscriptions, ends
 * and bounds. A fake that passes this suite, and that of trust, does not lie to the tests that build on it.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import {
  CLIENT,
  CLUSTER,
  OTHER,
  SERVER,
  Stage,
  type TransportHarness,
  closed,
  codeOf,
  until,
} from "./transport-harness.ts"

export function transportContract(transport: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`transport contract: ${transport}`, () => {
    const stage = new Stage()
    beforeEach(() => stage.open(makeHarness))
    afterEach(() => stage.close())

    test("a call is answered, and both sides know who the other is", async () => {
      const { connection, address } = await stage.pair()
      expect(connection.remote).toEqual({ address, identity: SERVER, cluster: CLUSTER })
      const params = { name: "red", nested: [1, null, "ü", { $bytes: "mine" }], value: new Uint8Array([0, 1, 255]) }
      expect(await connection.call("echo", params)).toEqual(params)
      expect(await connection.call("echo", undefined)).toBeUndefined()
      expect(stage.handler.seen).toEqual(["swarm-02 connected", "swarm-02 calls echo", "swarm-02 calls echo"])
    })

    test("an error crosses with its code, kind and hint; an unexpected one as internal", async () => {
      const { connection } = await stage.pair()
      const error = await connection.call("fail", null).catch((thrown: OvlError) => thrown)
      expect(error).toMatchObject({ code: "name_taken", kind: "conflict", hint: "h", exitStatus: 4 })
      expect((error as OvlError).message).toBe("network red: the name is taken")
      expect(await codeOf(connection.call("crash", null))).toBe("internal")
      expect(await connection.call("echo", "still there")).toBe("still there")
    })

    test("a thousand calls at once are each answered with their own answer", async () => {
      const { connection } = await stage.pair()
      const numbers = Array.from({ length: 1_000 }, (_, i) => i)
      expect(await Promise.all(numbers.map((i) => connection.call("echo", { i })))).toEqual(numbers.map((i) => ({ i })))
    })

    test("calls are answered out of order", async () => {
      const { connection } = await stage.pair()
      const first = connection.call("hold", "first")
      expect(await connection.call("echo", "second")).toBe("second")
      stage.handler.held[0]?.()
      expect(await first).toBe("first")
    })

    test("a call that is not answered times out, and its late answer does no harm", async () => {
      const { connection } = await stage.pair()
      expect(await codeOf(connection.call("hold", 1, { timeoutMs: 20 }))).toBe("peer_timeout")
      stage.handler.held[0]?.()
      expect(await connection.call("echo", 2)).toBe(2)
    })

    test("a subscription keeps its order and ends", async () => {
      const { connection } = await stage.pair()
      const got: unknown[] = []
      const end = await new Promise<OvlError | undefined>((resolve) => {
        connection.subscribe("count", 5_000, (message) => got.push(message), resolve)
      })
      expect(end).toBeUndefined()
      expect(got).toEqual(Array.from({ length: 5_000 }, (_, i) => i))
    })

    test("a subscription ends with the handler's error, thrown or given", async () => {
      const { connection } = await stage.pair()
      const thrown = await new Promise<OvlError | undefined>((r) => connection.subscribe("fail", null, () => {}, r))
      expect(thrown).toMatchObject({ code: "gone", kind: "not_found" })
      const given = new Promise<OvlError | undefined>((r) => connection.subscribe("events", null, () => {}, r))
      await until(() => stage.handler.publishers.length === 1)
      stage.handler.publishers[0]?.end(new OvlError("compacted", "events: too old"))
      expect(await given).toMatchObject({ code: "compacted" })
    })

    test("a subscription closed by the subscriber ends at the publisher, and delivers nothing more", async () => {
      const { connection } = await stage.pair()
      const got: unknown[] = []
      const subscription = connection.subscribe(
        "events",
        null,
        (m) => got.push(m),
        () => got.push("end"),
      )
      await until(() => stage.handler.publishers.length === 1)
      stage.handler.publishers[0]?.send("one")
      await until(() => got.length === 1)
      subscription.close()
      subscription.close()
      stage.handler.publishers[0]?.send("two")
      await until(() => stage.handler.seen.includes("events over"))
      await connection.call("echo", null)
      expect(got).toEqual(["one"])
    })

    test("closing rejects what is pending, ends subscriptions, and tells both sides once", async () => {
      const { connection } = await stage.pair()
      const pending = codeOf(connection.call("hold", null))
      const ended = new Promise((resolve) =>
        connection.subscribe(
          "events",
          null,
          () => {},
          (e) => resolve(e?.code),
        ),
      )
      await until(() => stage.handler.publishers.length === 1 && stage.handler.held.length === 1)
      connection.close()
      connection.close()
      expect(await pending).toBe("peer_closed")
      expect(await ended).toBe("peer_closed")
      expect(await closed(connection)).toBeUndefined()
      expect(await codeOf(connection.call("echo", null))).toBe("peer_closed")
      const late = new Promise((resolve) =>
        connection.subscribe(
          "events",
          null,
          () => {},
          (e) => resolve(e?.code),
        ),
      )
      expect(await late).toBe("peer_closed")
      await until(() => stage.handler.seen.includes("swarm-02 disconnected"))
      // The answer to a caller that is gone goes nowhere.
      stage.handler.held[0]?.()
      await Bun.sleep(5)
      expect(stage.handler.seen.filter((line) => /disconnected|over/.test(line)).sort()).toEqual([
        "events over",
        "swarm-02 disconnected",
      ])
    })

    test("closing the listener tells its peers, frees the port, and can be repeated", async () => {
      const { listener, connection } = await stage.pair()
      const pending = codeOf(connection.call("hold", null))
      await until(() => stage.handler.held.length === 1)
      await Promise.all([listener.close(), listener.close()])
      expect(await pending).toBe("peer_closed")
      expect(await closed(connection)).toBe("peer_closed")
      const again = await stage.listen({ port: listener.port })
      expect(again.listener.port).toBe(listener.port)
    })

    test("both sides closing at the same time is no trouble", async () => {
      const { listener, connection } = await stage.pair()
      connection.close()
      await listener.close()
      expect(await closed(connection)).toBeUndefined()
      expect(stage.handler.seen).toEqual(["swarm-02 connected", "swarm-02 disconnected"])
    })

    test("a message over the limit is refused where it is made, and the connection goes on", async () => {
      const limits = { frameMaxBytes: 10_000 }
      const { address } = await stage.listen({ limits })
      const connection = await stage.harness.connect({ address, expect: CLUSTER, limits }, CLIENT)
      expect(await codeOf(connection.call("echo", "x".repeat(10_000)))).toBe("frame_too_large")
      expect(await codeOf(connection.call("large", 10_000))).toBe("frame_too_large")
      expect(await connection.call("echo", "x".repeat(9_000))).toHaveLength(9_000)
    })

    test("a frame over the limit of the receiver closes the connection, with the reason", async () => {
      const { connection } = await stage.pair({ limits: { frameMaxBytes: 10_000 } })
      expect(await codeOf(connection.call("echo", "x".repeat(20_000)))).toBe("frame_too_large")
      expect(await closed(connection)).toBe("frame_too_large")
    })

    test("one call too many is answered as busy", async () => {
      const { connection } = await stage.pair({ limits: { callsMax: 2 } })
      const held = [connection.call("hold", 1), connection.call("hold", 2)]
      expect(await codeOf(connection.call("echo", 3))).toBe("peer_busy")
      for (const release of stage.handler.held) release()
      expect(await Promise.all(held)).toEqual([1, 2])
      expect(await connection.call("echo", 4)).toBe(4)
    })

    test("one subscription too many is refused as busy", async () => {
      const { connection } = await stage.pair({ limits: { subscriptionsMax: 1 } })
      connection.subscribe(
        "events",
        null,
        () => {},
        () => {},
      )
      const end = await new Promise<OvlError | undefined>((r) => connection.subscribe("events", null, () => {}, r))
      expect(end).toMatchObject({ code: "peer_busy" })
    })

    test("a subscriber that does not read is cut off, and the others go on", async () => {
      const { address } = await stage.listen({ limits: { queueMaxBytes: 1_000_000 } })
      const slow = await stage.harness.connectHeld({ address, expect: CLUSTER }, CLIENT)
      const other = await stage.harness.connect({ address, expect: CLUSTER }, OTHER)
      slow.connection.subscribe(
        "events",
        null,
        () => {},
        () => {},
      )
      await until(() => stage.handler.publishers.length === 1)
      slow.freeze()
      const message = "x".repeat(100_000)
      // What the system's own buffers hold comes on top of the bound.
      for (let i = 0; i < 1_000 && !stage.handler.seen.includes("events over"); i++) {
        stage.handler.publishers[0]?.send(message)
        await Bun.sleep(0)
      }
      expect(stage.handler.seen).toContain("events over")
      expect(stage.handler.seen).toContain("swarm-02 disconnected")
      expect(await other.call("echo", 1)).toBe(1)
      slow.thaw()
      expect(await closed(slow.connection)).toBe("peer_closed")
    })

    test("a peer that has gone silent is noticed by both sides", async () => {
      const limits = { keepAliveMs: 20, silentKeepAlivesMax: 5 }
      const { address } = await stage.listen({ limits })
      const { connection, freeze } = await stage.harness.connectHeld({ address, expect: CLUSTER, limits }, CLIENT)
      await Bun.sleep(150)
      expect(await connection.call("echo", "idle is not dead")).toBe("idle is not dead")
      freeze()
      expect(await closed(connection)).toBe("peer_closed")
      await until(() => stage.handler.seen.includes("swarm-02 disconnected"))
    })

    test("who wants signs of life more often than the listener gives them by itself, gets them", async () => {
      const { address } = await stage.listen()
      const limits = { keepAliveMs: 50, silentKeepAlivesMax: 5 }
      const { connection, freeze } = await stage.harness.connectHeld({ address, expect: CLUSTER, limits }, CLIENT)
      await Bun.sleep(500)
      expect(await connection.call("echo", "idle is not dead")).toBe("idle is not dead")
      freeze()
      expect(await closed(connection)).toBe("peer_closed")
    })

    test("nobody listens, and a port taken twice", async () => {
      const { listener, address } = await stage.listen()
      expect(await codeOf(stage.listen({ port: listener.port }))).toBe("port_in_use")
      await listener.close()
      const error = await stage.harness
        .connect({ address, expect: CLUSTER }, CLIENT)
        .catch((thrown: OvlError) => thrown)
      expect(error).toMatchObject({ code: "peer_refused", kind: "unavailable" })
      expect((error as OvlError).message).toBe(`connecting to ${address}: connection refused`)
    })

    test("no more connections than allowed", async () => {
      const { address } = await stage.listen({ limits: { connectionsMax: 1 } })
      const first = await stage.harness.connect({ address, expect: CLUSTER }, CLIENT)
      expect(await codeOf(stage.harness.connect({ address, expect: CLUSTER }, OTHER))).toBe("peer_closed")
      expect(await first.call("echo", 1)).toBe(1)
    })
  })
}
