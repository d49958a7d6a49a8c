/** Whom every node-to-node transport lets in, and how far: the part of the contract that is about certificates. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { OvlError } from "../../src/base/errors.ts"
import type { ClusterIdentity } from "../../src/transport/port.ts"
import { CLIENT, CLUSTER, OTHER, SERVER, Stage, type TransportHarness, closed, codeOf } from "./transport-harness.ts"

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

    test("another cluster, another recovery epoch: refused", async () => {
      const { address } = await stage.listen()
      const connect = (expected: ClusterIdentity) =>
        codeOf(stage.harness.connect({ address, expect: expected }, CLIENT))
      expect(await connect({ clusterId: "cluster-b", recoveryEpoch: 0 })).toBe("wrong_cluster")
      expect(await connect({ clusterId: "cluster-a", recoveryEpoch: 1 })).toBe("wrong_recovery_epoch")
      expect(stage.handler.seen).toEqual([])
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
