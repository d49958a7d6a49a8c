/** What every node-to-node transport must do with bytes: posts, which nobody answers, and large ones in calls. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import {
  CLIENT,
  CLUSTER,
  OTHER,
  Stage,
  type TransportHarness,
  UNLUCKY,
  closed,
  codeOf,
  until,
} from "./transport-harness.ts"

export function postsContract(transport: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`transport posts: ${transport}`, () => {
    const stage = new Stage()
    beforeEach(() => stage.open(makeHarness))
    afterEach(() => stage.close())

    test("posts arrive as they are, in order with calls, with who sent them", async () => {
      const { connection } = await stage.pair()
      connection.post(1, new Uint8Array([0, 255]))
      connection.post(0xffff_ffff, new Uint8Array(0))
      await connection.call("echo", null)
      connection.post(2, Buffer.from("last"))
      await until(() => stage.handler.seen.length === 5)
      expect(stage.handler.seen).toEqual([
        "swarm-02 connected",
        "swarm-02 posts 1 00ff",
        "swarm-02 posts 4294967295 ",
        "swarm-02 calls echo",
        "swarm-02 posts 2 6c617374",
      ])
    })

    test("ten thousand posts of one turn arrive in order", async () => {
      const { connection } = await stage.pair()
      for (let i = 0; i < 10_000; i++) connection.post(i, new Uint8Array([i & 255]))
      await connection.call("echo", null)
      const kinds = stage.handler.seen.slice(1, -1).map((line) => Number(line.split(" ")[2]))
      expect(kinds).toEqual(Array.from({ length: 10_000 }, (_, i) => i))
    })

    test("a post over the limit is refused where it is made, and the connection goes on", async () => {
      const limits = { frameMaxBytes: 1_000 }
      const { address } = await stage.listen({ limits })
      const connection = await stage.harness.connect({ address, expect: CLUSTER, limits }, CLIENT)
      expect(() => connection.post(1, new Uint8Array(1_000))).toThrow(OvlError)
      connection.post(1, new Uint8Array(991))
      expect(await connection.call("echo", 1)).toBe(1)
    })

    test("what has not gone out is counted, and its going out is told", async () => {
      const { address } = await stage.listen()
      const { connection, freeze, thaw } = await stage.harness.connectHeld({ address, expect: CLUSTER }, CLIENT)
      let drained = 0
      connection.onDrain(() => drained++)
      connection.post(1, new Uint8Array(100))
      expect(connection.pendingBytes()).toBe(109)
      await until(() => drained === 1)
      expect(connection.pendingBytes()).toBe(0)
      freeze()
      for (let i = 0; i < 20; i++) connection.post(1, new Uint8Array(1_000_000))
      await Bun.sleep(20)
      expect(drained).toBe(1)
      expect(connection.pendingBytes()).toBeGreaterThan(1_000_000)
      thaw()
      await until(() => drained === 2)
      expect(connection.pendingBytes()).toBe(0)
      expect(await connection.call("echo", "still there")).toBe("still there")
    })

    test("after the end posts go nowhere, and nothing is pending", async () => {
      const { connection } = await stage.pair()
      connection.close()
      connection.post(1, new Uint8Array(100))
      expect(connection.pendingBytes()).toBe(0)
    })

    test("a handler that refuses a post ends the connection and says why, and others' go on", async () => {
      const { address, connection } = await stage.pair()
      const other = await stage.harness.connect({ address, expect: CLUSTER }, OTHER)
      connection.post(UNLUCKY, new Uint8Array(1))
      expect(await closed(connection)).toBe("unlucky")
      expect(await other.call("echo", 1)).toBe(1)
    })

    test("a handler without posts ends the connection of who posts; a stranger's too", async () => {
      const { call, subscribe } = stage.handler
      const bound = { call: call.bind(stage.handler), subscribe: subscribe.bind(stage.handler) }
      const { connection } = await stage.pair({ handler: bound })
      connection.post(1, new Uint8Array(1))
      expect(await closed(connection)).toBe("protocol_violation")
      const { address } = await stage.listen()
      const stranger = await stage.harness.connectStranger({ address })
      stranger.post(1, new Uint8Array(1))
      expect(await closed(stranger)).toBe("protocol_violation")
      expect(stage.handler.seen.filter((line) => line.includes("posts"))).toEqual([])
    })

    test("a call carries megabytes of bytes there and back", async () => {
      const { connection } = await stage.pair()
      const rows = crypto.getRandomValues(new Uint8Array(65_536))
      const large = Buffer.concat(Array<Uint8Array>(64).fill(rows))
      const answer = (await connection.call("echo", { cursor: "c", rows: large })) as { rows: Uint8Array }
      expect(Bun.hash(answer.rows)).toBe(Bun.hash(large))
      expect(await codeOf(connection.call("echo", new Uint8Array(16_777_216)))).toBe("frame_too_large")
    })
  })
}
