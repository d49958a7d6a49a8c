/** What carries Raft's messages must do, over whatever transport: order, bounds, who may speak, and coming back. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import { RAFT_QUEUE_MAX_BYTES } from "../../src/base/limits.ts"
import { type Message, message } from "../../src/raft/message.ts"
import type { PeerIdentity } from "../../src/transport/port.ts"
import { encodeRaftMessage } from "../../src/transport/raft-codec.ts"
import { RAFT_PIECE_METHOD, RAFT_POST_KIND } from "../../src/transport/raft-port.ts"
import { CLIENT, CLUSTER, type TransportHarness, closed, codeOf, until } from "./transport-harness.ts"
import { RaftServer, serverNamed } from "./transport-raft-server.ts"

const LOUD = new Uint8Array(1_000_000)

export function raftContract(transport: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`transport of Raft: ${transport}`, () => {
    let harness: TransportHarness
    let servers: RaftServer[]
    beforeEach(async () => {
      harness = await makeHarness()
      servers = []
    })
    afterEach(async () => {
      for (const server of servers) await server.close()
      await harness.dispose()
    })

    async function start(number: number): Promise<RaftServer> {
      const server = await RaftServer.start(harness, serverNamed(number))
      servers.push(server)
      return server
    }

    /** Servers that are each other's peers and connected. */
    async function group(count: number): Promise<RaftServer[]> {
      const made = await Promise.all(Array.from({ length: count }, (_, i) => start(i + 1)))
      for (const server of made) server.knows(made)
      await until(() => made.every((server) => server.reached === count - 1))
      return made
    }
    const pair = async () => (await group(2)) as [RaftServer, RaftServer]

    const append = (from: RaftServer, to: RaftServer, index: number, data = new Uint8Array([index & 255])): Message =>
      message("MsgApp", to.raftId, {
        from: from.raftId,
        term: 1,
        index: index - 1,
        entries: [{ term: 1, index, type: "EntryNormal", data }],
      })
    const heartbeat = (from: RaftServer, to: RaftServer, commit = 0) =>
      message("MsgHeartbeat", to.raftId, { from: from.raftId, term: 1, commit })

    test("messages arrive whole at the one they are for, both ways", async () => {
      const [a, b, c] = (await group(3)) as [RaftServer, RaftServer, RaftServer]
      const vote = message("MsgVote", c.raftId, { from: a.raftId, term: 3, index: 7, logTerm: 2, force: true })
      const answer = message("MsgVoteResp", a.raftId, { from: c.raftId, term: 3, reject: true })
      a.transport.send([append(a, b, 1), vote])
      c.transport.send([answer])
      await until(() => a.got.length + b.got.length + c.got.length === 3)
      expect([a.got, b.got, c.got]).toEqual([[answer], [append(a, b, 1)], [vote]])
    })

    test("entries keep their order, and so do heartbeats", async () => {
      const [a, b] = await pair()
      for (let i = 1; i <= 500; i++) a.transport.send([append(a, b, i), heartbeat(a, b, i)])
      await until(() => b.got.length === 1_000)
      const counted = Array.from({ length: 500 }, (_, i) => i + 1)
      expect(b.got.filter((m) => m.type === "MsgApp").map((m) => m.index + 1)).toEqual(counted)
      expect(b.got.filter((m) => m.type === "MsgHeartbeat").map((m) => m.commit)).toEqual(counted)
    })

    test("what is for nobody, for oneself or not one's own goes nowhere", async () => {
      const [a, b] = await pair()
      a.transport.send([
        message("MsgHeartbeat", 99, { from: a.raftId }),
        message("MsgHeartbeat", b.raftId, { from: b.raftId }),
        message("MsgHup", b.raftId, { from: a.raftId }),
        message("MsgStorageAppendResp", -1, { from: a.raftId }),
        heartbeat(a, b),
      ])
      await until(() => b.got.length > 0)
      expect(b.got).toEqual([heartbeat(a, b)])
    })

    test("entries that do not get through are given up, oldest first, within bounds; heartbeats wait", async () => {
      const [a, b] = [await start(1), await start(2)]
      const held = await a.knowsHeld(b, harness)
      await until(() => a.reached === 1)
      held.freeze()
      for (let i = 1; i <= 60; i++) a.transport.send([append(a, b, i, LOUD), heartbeat(a, b, i)])
      await until(() => a.unreachable.length > 0)
      const [state] = a.transport.peers()
      expect(state?.droppedMessages).toBeGreaterThan(20)
      expect(state?.queuedBytes).toBeLessThan(1.2 * RAFT_QUEUE_MAX_BYTES)
      expect(new Set(a.unreachable)).toEqual(new Set([b.raftId]))
      held.thaw()
      const heartbeats = () => b.got.filter((m) => m.type === "MsgHeartbeat").map((m) => m.commit)
      await until(() => heartbeats().length === 60 && b.got.some((m) => m.type === "MsgApp" && m.index === 59))
      expect(heartbeats()).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
      const indexes = b.got.filter((m) => m.type === "MsgApp").map((m) => m.index)
      expect(indexes).toEqual(indexes.toSorted((x, y) => x - y))
      expect(indexes.length).toBe(60 - (state?.droppedMessages ?? 0))
    })

    test("a server that goes is told at once, and reached again when it is back", async () => {
      const [a, b] = await pair()
      await b.close()
      await until(() => a.lost.length === 1)
      expect(a.lost).toEqual([`${b.raftId} ${b.identity.nodeId}`])
      await until(() => a.transport.peers()[0]?.lastError?.code === "peer_refused")
      a.transport.send([heartbeat(a, b)])
      await until(() => a.unreachable.includes(b.raftId))
      await b.listen(harness, b.port)
      await until(() => a.reached === 1)
      a.transport.send([heartbeat(a, b, 2)])
      await until(() => b.got.some((m) => m.commit === 2))
      expect(a.lost.length).toBe(1)
    })

    test("a server that moved is reached where it is now, one that is no peer any more is let go", async () => {
      const [a, b] = await pair()
      await b.close()
      await b.listen(harness)
      a.knows([a, b])
      await until(() => a.reached === 1)
      a.transport.disconnect(b.identity.nodeId)
      expect(a.transport.peers()).toEqual([])
      await until(() => b.connections === 0)
      a.knows([b])
      await until(() => a.reached === 1)
      a.knows([])
      await until(() => b.connections === 0)
      expect(a.lost.length).toBe(1)
    })

    test("an address where another server answers: nothing is said to it, and the log says so once", async () => {
      const [a, b, c] = [await start(1), await start(2), await start(3)]
      a.transport.setPeers(new Map([[b.raftId, { nodeId: b.identity.nodeId, address: c.address }]]))
      for (let i = 0; i < 20; i++) {
        a.transport.send([heartbeat(a, b)])
        await Bun.sleep(20)
      }
      expect(c.got).toEqual([])
      expect(c.connections).toBe(0)
      expect(a.refused).toEqual([`${b.identity.nodeId} peer_wrong_node`])
      expect(a.log.filter((line) => line.includes("another node answers"))).toHaveLength(1)
      expect(a.transport.peers()[0]).toMatchObject({ connected: false, lastError: { code: "peer_wrong_node" } })
    })

    test("a removed server is cut off and told why, once", async () => {
      const [a, b] = await pair()
      b.members.delete(a.identity.nodeId)
      b.disconnect(a.identity.nodeId)
      await until(() => a.refused.length > 0)
      await Bun.sleep(200)
      expect(a.refused).toEqual([`${b.identity.nodeId} not_member`])
      expect(a.lost).toEqual([])
      expect(a.reached).toBe(0)
      b.members.add(a.identity.nodeId)
      await until(() => a.reached === 1)
    })

    test("a snapshot comes in pieces", async () => {
      const [a, b] = await pair()
      const rows = new Uint8Array(1_048_576).fill(7)
      b.piece = ({ snapshotIndex, snapshotTerm, cursor }) =>
        cursor === null ? { rows, next: `${snapshotIndex}/${snapshotTerm}` } : { rows: new Uint8Array(0), next: null }
      const ask = (cursor: string | null) => ({ snapshotIndex: 10, snapshotTerm: 2, cursor })
      const first = await a.transport.fetchPiece(b.raftId, ask(null))
      expect([Bun.hash(first.rows), first.next]).toEqual([Bun.hash(rows), "10/2"])
      expect(await a.transport.fetchPiece(b.raftId, ask(first.next))).toEqual({ rows: new Uint8Array(0), next: null })
      b.piece = () => {
        throw new OvlError("snapshot_gone", "snapshot: no longer kept", { kind: "not_found" })
      }
      expect(await codeOf(a.transport.fetchPiece(b.raftId, ask(null)))).toBe("snapshot_gone")
      b.piece = () => ({ rows: "none", next: null }) as never
      expect(await codeOf(a.transport.fetchPiece(b.raftId, ask(null)))).toBe("raft_piece_malformed")
      expect(await codeOf(a.transport.fetchPiece(99, ask(null)))).toBe("peer_unknown")
      await b.close()
      expect(await codeOf(a.transport.fetchPiece(b.raftId, ask(null)))).toMatch(/^peer_(closed|refused)$/)
    })

    test("who is no server, speaks for or to another, or makes no sense, is cut off and not heard", async () => {
      const [a, b] = await pair()
      const vote = (from: number, to: number) => encodeRaftMessage(message("MsgVote", to, { from, term: 9 }))
      const say = async (as: PeerIdentity, bytes: Uint8Array, kind = RAFT_POST_KIND) => {
        const connection = await harness.connect({ address: b.address, expect: CLUSTER }, as)
        connection.post(kind, bytes)
        return await closed(connection)
      }
      expect(await say(CLIENT, vote(a.raftId, b.raftId))).toBe("server_only")
      expect(await say({ ...a.identity, role: "client" }, vote(a.raftId, b.raftId))).toBe("server_only")
      expect(await say(serverNamed(3), vote(a.raftId, b.raftId))).toBe("raft_message_forged")
      expect(await say(b.identity, vote(a.raftId, b.raftId))).toBe("raft_message_forged")
      expect(await say(a.identity, vote(a.raftId, 99))).toBe("raft_message_forged")
      expect(await say(a.identity, vote(a.raftId, b.raftId).subarray(0, 30))).toBe("raft_message_malformed")
      expect(await say(a.identity, new Uint8Array(0))).toBe("raft_message_malformed")
      expect(await say(a.identity, vote(a.raftId, b.raftId), 2)).toBe("protocol_violation")
      expect(b.got).toEqual([])
      const client = await harness.connect({ address: b.address, expect: CLUSTER }, CLIENT)
      const request = { snapshotIndex: 1, snapshotTerm: 1, cursor: null }
      expect(await codeOf(client.call(RAFT_PIECE_METHOD, request))).toBe("server_only")
      const server = await harness.connect({ address: b.address, expect: CLUSTER }, a.identity)
      expect(await codeOf(server.call(RAFT_PIECE_METHOD, { ...request, snapshotIndex: -1 }))).toBe(
        "raft_piece_malformed",
      )
      a.transport.send([heartbeat(a, b)])
      await until(() => b.got.length === 1)
    })

    test("after the close nothing is sent, dialled or heard", async () => {
      const [a, b] = await pair()
      a.transport.close()
      a.transport.close()
      a.transport.send([heartbeat(a, b)])
      a.knows([a, b])
      expect(a.transport.peers()).toEqual([])
      await until(() => b.connections === 0)
      expect([a.lost, a.unreachable, b.got]).toEqual([[], [], []])
    })
  })
}
