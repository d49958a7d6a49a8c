/** Whom every node-to-node transport lets in, and how far: the part of the contract that is about certificates. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { OvlError } from "../../src/base/errors.ts"
import { lineLog } from "../../src/base/log.ts"
import {
  CLIENT,
  CLUSTER,
  OTHER,
  SECOND_SERVER,
  SERVER,
  Stage,
  type TransportHarness,
  closed,
  codeOf,
  until,
} from "./transport-harness.ts"

export function trustContract(transport: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`transport trust: ${transport}`, () => {
    const stage = new Stage()
    beforeEach(() => stage.open(makeHarness))
    afterEach(() => stage.close())

    test("without a certificate only join may be called", async () => {
      const { address } = await stage.listen()
      const stranger = await stage.harness.connectStranger({ address })
      expect(await codeOf(stranger.call("echo", 1))).toBe("certificate_required")
      const end = await new Promise<OvlError | undefined>((r) => stranger.subscribe("join", null, () => {}, r))
      expect(end).toMatchObject({ code: "certificate_required", kind: "unauthorized" })
      expect(await stranger.call("join", { csr: "..." })).toEqual({ csr: "..." })
      expect(stage.handler.seen).toEqual(["stranger calls join"])
    })

    test("strangers are bounded in size, number and time", async () => {
      const limits = { unauthenticatedFrameMaxBytes: 1_000, unauthenticatedMax: 2, unauthenticatedTimeoutMs: 600 }
      const { address } = await stage.listen({ limits })
      const wordy = await stage.harness.connectStranger({ address })
      expect(await codeOf(wordy.call("join", "x".repeat(1_000)))).toBe("frame_too_large")
      const [first, second] = [
        await stage.harness.connectStranger({ address }),
        await stage.harness.connectStranger({ address }),
      ]
      const third = await stage.harness.connectStranger({ address })
      expect(await closed(first)).toBe("peer_busy")
      expect(await codeOf(Promise.all([second.call("join", 2), third.call("join", 3)]))).toEqual({ resolved: [2, 3] })
      const member = await stage.harness.connect({ address, expect: CLUSTER }, CLIENT)
      // The member was a stranger too until it had greeted, and the oldest of three had to go.
      expect(await Promise.all([closed(second), closed(third)])).toEqual(["peer_busy", "peer_closed"])
      expect(await member.call("echo", "members stay")).toBe("members stay")
    })

    test("a certificate of another authority is refused, and so is a server of one", async () => {
      const { address } = await stage.listen()
      expect(await codeOf(stage.harness.connect({ address, expect: CLUSTER }, CLIENT, "theirs"))).toBe(
        "certificate_refused",
      )
      const impostor = await stage.listen({}, SERVER, "theirs")
      expect(await codeOf(stage.harness.connect({ address: impostor.address, expect: CLUSTER }, CLIENT))).toBe(
        "peer_wrong_cluster",
      )
      expect(stage.handler.seen).toEqual([])
    })

    test("who listens with a client's certificate is no server", async () => {
      const { address } = await stage.listen({}, OTHER)
      expect(await codeOf(stage.harness.connect({ address, expect: CLUSTER }, CLIENT))).toBe("peer_not_server")
    })

    test("another cluster, a server of another recovery epoch: refused", async () => {
      const { address } = await stage.listen({ cluster: { clusterId: "cluster-a", recoveryEpoch: 5 } })
      const connect = (clusterId: string, recoveryEpoch: number) =>
        codeOf(stage.harness.connect({ address, expect: { clusterId, recoveryEpoch } }, SECOND_SERVER))
      expect(await connect("cluster-b", 5)).toBe("wrong_cluster")
      expect(await connect("cluster-a", 4)).toBe("wrong_recovery_epoch")
      expect(await connect("cluster-a", 6)).toBe("wrong_recovery_epoch")
      expect(stage.handler.seen).toEqual([])
      const expected = { clusterId: "cluster-a", recoveryEpoch: 5 }
      const server = await stage.harness.connect({ address, expect: expected }, SECOND_SERVER)
      expect(server.remote.cluster).toEqual(expected)
    })

    test("a client from before a recovery is let in and told; a server from before one is not talked to", async () => {
      const cluster = { clusterId: "cluster-a", recoveryEpoch: 5 }
      const { address } = await stage.listen({ cluster })
      const connect = (clusterId: string, recoveryEpoch: number) =>
        stage.harness.connect({ address, expect: { clusterId, recoveryEpoch } }, CLIENT)
      expect((await connect("cluster-a", 3)).remote.cluster).toEqual({ clusterId: "cluster-a", recoveryEpoch: 5 })
      expect(await codeOf(connect("cluster-a", 6))).toBe("wrong_recovery_epoch")
      expect(await codeOf(connect("cluster-b", 3))).toBe("wrong_cluster")
      // A recovery while the listener stands: the next one to greet hears of it.
      cluster.recoveryEpoch = 6
      expect((await connect("cluster-a", 6)).remote.cluster.recoveryEpoch).toBe(6)
      expect((await stage.harness.connectStranger({ address })).remote.cluster).toEqual(cluster)
    })

    test("who is not the one that was meant hears nothing", async () => {
      const { address } = await stage.listen()
      const options = { address, expect: CLUSTER, nodeId: OTHER.nodeId }
      expect(await codeOf(stage.harness.connect(options, CLIENT))).toBe("peer_wrong_node")
      expect(stage.handler.seen).toEqual([])
      const meant = await stage.harness.connect({ ...options, nodeId: SERVER.nodeId }, CLIENT)
      expect(await meant.call("echo", 1)).toBe(1)
    })

    test("a server that knows nobody yet lets servers in, and no client", async () => {
      const { address } = await stage.listen({ isMember: (_nodeId, role) => role === "server" })
      expect(await codeOf(stage.harness.connect({ address, expect: CLUSTER }, CLIENT))).toBe("not_member")
      const server = await stage.harness.connect({ address, expect: CLUSTER }, SECOND_SERVER)
      expect(await server.call("echo", 1)).toBe(1)
    })

    test("a node that is refused again and again is in the log once for each reason", async () => {
      const lines: string[] = []
      const log = lineLog(
        (line) => lines.push(line),
        "warn",
        () => "",
      )
      let member = false
      const { address } = await stage.listen({ isMember: () => member, log })
      const attempt = (recoveryEpoch: number) =>
        codeOf(stage.harness.connect({ address, expect: { clusterId: "cluster-a", recoveryEpoch } }, CLIENT))
      for (let i = 0; i < 3; i++) await attempt(0)
      for (let i = 0; i < 3; i++) await attempt(1)
      member = true
      await attempt(0)
      member = false
      await attempt(0)
      await until(() => lines.length >= 3)
      expect(lines.map((line) => /peer refused peer=swarm-02 .*(member|recovery)/.exec(line)?.[1])).toEqual([
        "member",
        "recovery",
        "member",
      ])
    })

    test("a removed node is refused at connect", async () => {
      const { address } = await stage.listen({ isMember: (nodeId) => nodeId !== CLIENT.nodeId })
      expect(await codeOf(stage.harness.connect({ address, expect: CLUSTER }, CLIENT))).toBe("not_member")
      const other = await stage.harness.connect({ address, expect: CLUSTER }, OTHER)
      expect(await other.call("echo", 1)).toBe(1)
    })

    test("a node that is cut off loses all its connections, the others none", async () => {
      const { listener, address, connection } = await stage.pair()
      const second = await stage.harness.connect({ address, expect: CLUSTER }, CLIENT)
      const other = await stage.harness.connect({ address, expect: CLUSTER }, OTHER)
      listener.disconnect(CLIENT.nodeId)
      listener.disconnect("nobody")
      expect(await Promise.all([closed(connection), closed(second)])).toEqual(["not_member", "not_member"])
      expect(await other.call("echo", 1)).toBe(1)
      expect(stage.handler.seen.filter((line) => line === "swarm-02 disconnected").length).toBe(2)
    })
  })
}
