/**
 * What every node-to-node transport must do, the one over TLS and the one in memory alike. A fake that passes this suite
 * does not lie to the tests that build on it.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { OvlError } from "../../src/base/errors.ts"
import type {
  ClusterIdentity,
  ConnectOptions,
  ListenOptions,
  PeerConnection,
  PeerHandler,
  PeerIdentity,
  PeerListener,
  Publisher,
} from "../../src/transport/port.ts"

export const CLUSTER: ClusterIdentity = { clusterId: "cluster-a", recoveryEpoch: 0 }
export const SERVER: PeerIdentity = { nodeId: "51", name: "swarm-01", role: "server" }
export const CLIENT: PeerIdentity = { nodeId: "52", name: "swarm-02", role: "client" }
export const OTHER: PeerIdentity = { nodeId: "53", name: "swarm-03", role: "client" }

/** Whose word a node's certificate is: that of the cluster's authority, or of another one. The node itself trusts ours. */
export type SignedBy = "ours" | "theirs"

export interface TransportHarness {
  listen(
    options: ListenOptions & { port?: number },
    as: PeerIdentity,
    signedBy?: SignedBy,
  ): Promise<{ listener: PeerListener; address: string }>
  connect(options: ConnectOptions, as: PeerIdentity, signedBy?: SignedBy): Promise<PeerConnection>
  connectStranger(options: Omit<ConnectOptions, "expect">): Promise<PeerConnection>
  /** A connection on which the test can hold everything back. */
  connectHeld(
    options: ConnectOptions,
    as: PeerIdentity,
  ): Promise<{ connection: PeerConnection; freeze(): void; thaw(): void }>
  dispose(): Promise<void>
}

/** A handler that echoes, fails, waits and publishes on demand, and writes down what it saw. */
class Recorder implements PeerHandler {
  readonly seen: string[] = []
  readonly publishers: Publisher[] = []
  readonly held: (() => void)[] = []
  running = 0

  async call(method: string, params: unknown, { peer }: { peer: PeerIdentity | null }): Promise<unknown> {
    this.seen.push(`${peer?.name ?? "stranger"} calls ${method}`)
    if (method === "fail")
      throw new OvlError("name_taken", "network red: the name is taken", { kind: "conflict", hint: "h" })
    if (method === "crash") throw new TypeError("undefined is not a function")
    if (method === "large") return "x".repeat(params as number)
    if (method === "hold") await new Promise<void>((resolve) => this.held.push(resolve))
    return params
  }

  subscribe(method: string, params: unknown, { peer }: { peer: PeerIdentity | null }, publisher: Publisher): void {
    this.seen.push(`${peer?.name ?? "stranger"} subscribes ${method}`)
    if (method === "fail") throw new OvlError("gone", "events: no longer there", { kind: "not_found" })
    if (method === "count") {
      for (let i = 0; i < (params as number); i++) publisher.send(i)
      publisher.end()
    }
    publisher.onClose(() => this.seen.push(`${method} over`))
    this.publishers.push(publisher)
  }

  connected(peer: PeerIdentity): void {
    this.seen.push(`${peer.name} connected`)
  }

  disconnected(peer: PeerIdentity): void {
    this.seen.push(`${peer.name} disconnected`)
  }
}

/** The code of what a promise rejects with; the result where it does not. */
async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => ({ resolved: value }),
    (thrown) => (thrown instanceof OvlError ? thrown.code : thrown),
  )
}

function closed(connection: PeerConnection): Promise<string | undefined> {
  return new Promise((resolve) => connection.onClose((error) => resolve(error?.code)))
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !condition(); turn++) await Bun.sleep(1)
  expect(condition()).toBe(true)
}

export function transportContract(name: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`transport contract: ${name}`, () => {
    let harness: TransportHarness
    let handler: Recorder

    beforeEach(async () => {
      harness = await makeHarness()
      handler = new Recorder()
    })
    afterEach(() => harness.dispose())

    const listen = (options: Partial<ListenOptions> & { port?: number } = {}, as = SERVER, signedBy?: SignedBy) =>
      harness.listen({ cluster: CLUSTER, handler, ...options }, as, signedBy)
    const pair = async (options: Partial<ListenOptions> = {}) => {
      const { listener, address } = await listen(options)
      const connection = await harness.connect({ address, expect: CLUSTER }, CLIENT)
      return { listener, address, connection }
    }

    test("a call is answered, and both sides know who the other is", async () => {
      const { connection, address } = await pair()
      expect(connection.remote).toEqual({ address, identity: SERVER })
      const params = { name: "red", nested: [1, null, "ü", { $bytes: "mine" }], value: new Uint8Array([0, 1, 255]) }
      expect(await connection.call("echo", params)).toEqual(params)
      expect(await connection.call("echo", undefined)).toBeUndefined()
      expect(handler.seen).toEqual(["swarm-02 connected", "swarm-02 calls echo", "swarm-02 calls echo"])
    })

    test("an error crosses with its code, kind and hint; an unexpected one as internal", async () => {
      const { connection } = await pair()
      const error = await connection.call("fail", null).catch((thrown: OvlError) => thrown)
      expect(error).toMatchObject({ code: "name_taken", kind: "conflict", hint: "h", exitStatus: 4 })
      expect((error as OvlError).message).toBe("network red: the name is taken")
      expect(await codeOf(connection.call("crash", null))).toBe("internal")
      expect(await connection.call("echo", "still there")).toBe("still there")
    })

    test("a thousand calls at once are each answered with their own answer", async () => {
      const { connection } = await pair()
      const numbers = Array.from({ length: 1_000 }, (_, i) => i)
      expect(await Promise.all(numbers.map((i) => connection.call("echo", { i })))).toEqual(numbers.map((i) => ({ i })))
    })

    test("calls are answered out of order", async () => {
      const { connection } = await pair()
      const first = connection.call("hold", "first")
      expect(await connection.call("echo", "second")).toBe("second")
      handler.held[0]?.()
      expect(await first).toBe("first")
    })

    test("a call that is not answered times out, and its late answer does no harm", async () => {
      const { connection } = await pair()
      expect(await codeOf(connection.call("hold", 1, { timeoutMs: 20 }))).toBe("peer_timeout")
      handler.held[0]?.()
      expect(await connection.call("echo", 2)).toBe(2)
    })

    test("a subscription keeps its order and ends", async () => {
      const { connection } = await pair()
      const got: unknown[] = []
      const end = await new Promise<OvlError | undefined>((resolve) => {
        connection.subscribe("count", 5_000, (message) => got.push(message), resolve)
      })
      expect(end).toBeUndefined()
      expect(got).toEqual(Array.from({ length: 5_000 }, (_, i) => i))
    })

    test("a subscription ends with the handler's error, thrown or given", async () => {
      const { connection } = await pair()
      const thrown = await new Promise<OvlError | undefined>((r) => connection.subscribe("fail", null, () => {}, r))
      expect(thrown).toMatchObject({ code: "gone", kind: "not_found" })
      const given = new Promise<OvlError | undefined>((r) => connection.subscribe("events", null, () => {}, r))
      await until(() => handler.publishers.length === 1)
      handler.publishers[0]?.end(new OvlError("compacted", "events: too old"))
      expect(await given).toMatchObject({ code: "compacted" })
    })

    test("a subscription closed by the subscriber ends at the publisher, and delivers nothing more", async () => {
      const { connection } = await pair()
      const got: unknown[] = []
      const subscription = connection.subscribe(
        "events",
        null,
        (m) => got.push(m),
        () => got.push("end"),
      )
      await until(() => handler.publishers.length === 1)
      handler.publishers[0]?.send("one")
      await until(() => got.length === 1)
      subscription.close()
      subscription.close()
      handler.publishers[0]?.send("two")
      await until(() => handler.seen.includes("events over"))
      await connection.call("echo", null)
      expect(got).toEqual(["one"])
    })

    test("closing rejects what is pending, ends subscriptions, and tells both sides once", async () => {
      const { connection } = await pair()
      const pending = codeOf(connection.call("hold", null))
      const ended = new Promise((resolve) =>
        connection.subscribe(
          "events",
          null,
          () => {},
          (e) => resolve(e?.code),
        ),
      )
      await until(() => handler.publishers.length === 1 && handler.held.length === 1)
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
      await until(() => handler.seen.includes("swarm-02 disconnected"))
      // The answer to a caller that is gone goes nowhere.
      handler.held[0]?.()
      await Bun.sleep(5)
      expect(handler.seen.filter((line) => /disconnected|over/.test(line)).sort()).toEqual([
        "events over",
        "swarm-02 disconnected",
      ])
    })

    test("closing the listener tells its peers, frees the port, and can be repeated", async () => {
      const { listener, connection } = await pair()
      const pending = codeOf(connection.call("hold", null))
      await until(() => handler.held.length === 1)
      await Promise.all([listener.close(), listener.close()])
      expect(await pending).toBe("peer_closed")
      expect(await closed(connection)).toBe("peer_closed")
      const again = await listen({ port: listener.port })
      expect(again.listener.port).toBe(listener.port)
    })

    test("both sides closing at the same time is no trouble", async () => {
      const { listener, connection } = await pair()
      connection.close()
      await listener.close()
      expect(await closed(connection)).toBeUndefined()
      expect(handler.seen).toEqual(["swarm-02 connected", "swarm-02 disconnected"])
    })

    test("without a certificate only join may be called", async () => {
      const { address } = await listen()
      const stranger = await harness.connectStranger({ address })
      expect(await codeOf(stranger.call("echo", 1))).toBe("certificate_required")
      const end = await new Promise<OvlError | undefined>((r) => stranger.subscribe("join", null, () => {}, r))
      expect(end).toMatchObject({ code: "certificate_required", kind: "unauthorized" })
      expect(await stranger.call("join", { csr: "..." })).toEqual({ csr: "..." })
      expect(handler.seen).toEqual(["stranger calls join"])
    })

    test("strangers are bounded in size, number and time", async () => {
      const limits = { unauthenticatedFrameMaxBytes: 1_000, unauthenticatedMax: 2, unauthenticatedTimeoutMs: 600 }
      const { address } = await listen({ limits })
      const wordy = await harness.connectStranger({ address })
      expect(await codeOf(wordy.call("join", "x".repeat(1_000)))).toBe("frame_too_large")
      const [first, second] = [await harness.connectStranger({ address }), await harness.connectStranger({ address })]
      const third = await harness.connectStranger({ address })
      expect(await closed(first)).toBe("peer_busy")
      expect(await codeOf(Promise.all([second.call("join", 2), third.call("join", 3)]))).toEqual({ resolved: [2, 3] })
      const member = await harness.connect({ address, expect: CLUSTER }, CLIENT)
      // The member was a stranger too until it had greeted, and the oldest of three had to go.
      expect(await Promise.all([closed(second), closed(third)])).toEqual(["peer_busy", "peer_closed"])
      expect(await member.call("echo", "members stay")).toBe("members stay")
    })

    test("a certificate of another authority is refused, and so is a server of one", async () => {
      const { address } = await listen()
      expect(await codeOf(harness.connect({ address, expect: CLUSTER }, CLIENT, "theirs"))).toBe("certificate_refused")
      const impostor = await listen({}, SERVER, "theirs")
      expect(await codeOf(harness.connect({ address: impostor.address, expect: CLUSTER }, CLIENT))).toBe(
        "peer_wrong_cluster",
      )
      expect(handler.seen).toEqual([])
    })

    test("who listens with a client's certificate is no server", async () => {
      const { address } = await listen({}, OTHER)
      expect(await codeOf(harness.connect({ address, expect: CLUSTER }, CLIENT))).toBe("peer_not_server")
    })

    test("another cluster, another recovery epoch: refused", async () => {
      const { address } = await listen()
      const connect = (expected: ClusterIdentity) => codeOf(harness.connect({ address, expect: expected }, CLIENT))
      expect(await connect({ clusterId: "cluster-b", recoveryEpoch: 0 })).toBe("wrong_cluster")
      expect(await connect({ clusterId: "cluster-a", recoveryEpoch: 1 })).toBe("wrong_recovery_epoch")
      expect(handler.seen).toEqual([])
    })

    test("a removed node is refused at connect", async () => {
      const { address } = await listen({ isMember: (nodeId) => nodeId !== CLIENT.nodeId })
      expect(await codeOf(harness.connect({ address, expect: CLUSTER }, CLIENT))).toBe("not_a_member")
      const other = await harness.connect({ address, expect: CLUSTER }, OTHER)
      expect(await other.call("echo", 1)).toBe(1)
    })

    test("a node that is cut off loses all its connections, the others none", async () => {
      const { listener, address, connection } = await pair()
      const second = await harness.connect({ address, expect: CLUSTER }, CLIENT)
      const other = await harness.connect({ address, expect: CLUSTER }, OTHER)
      listener.disconnect(CLIENT.nodeId)
      listener.disconnect("nobody")
      expect(await Promise.all([closed(connection), closed(second)])).toEqual(["not_a_member", "not_a_member"])
      expect(await other.call("echo", 1)).toBe(1)
      expect(handler.seen.filter((line) => line === "swarm-02 disconnected").length).toBe(2)
    })

    test("a message over the limit is refused where it is made, and the connection goes on", async () => {
      const limits = { frameMaxBytes: 10_000 }
      const { address } = await listen({ limits })
      const connection = await harness.connect({ address, expect: CLUSTER, limits }, CLIENT)
      expect(await codeOf(connection.call("echo", "x".repeat(10_000)))).toBe("frame_too_large")
      expect(await codeOf(connection.call("large", 10_000))).toBe("frame_too_large")
      expect(await connection.call("echo", "x".repeat(9_000))).toHaveLength(9_000)
    })

    test("a frame over the limit of the receiver closes the connection, with the reason", async () => {
      const { connection } = await pair({ limits: { frameMaxBytes: 10_000 } })
      expect(await codeOf(connection.call("echo", "x".repeat(20_000)))).toBe("frame_too_large")
      expect(await closed(connection)).toBe("frame_too_large")
    })

    test("one call too many is answered as busy", async () => {
      const { connection } = await pair({ limits: { callsMax: 2 } })
      const held = [connection.call("hold", 1), connection.call("hold", 2)]
      expect(await codeOf(connection.call("echo", 3))).toBe("peer_busy")
      for (const release of handler.held) release()
      expect(await Promise.all(held)).toEqual([1, 2])
      expect(await connection.call("echo", 4)).toBe(4)
    })

    test("one subscription too many is refused as busy", async () => {
      const { connection } = await pair({ limits: { subscriptionsMax: 1 } })
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
      const { address } = await listen({ limits: { queueMaxBytes: 1_000_000 } })
      const slow = await harness.connectHeld({ address, expect: CLUSTER }, CLIENT)
      const other = await harness.connect({ address, expect: CLUSTER }, OTHER)
      slow.connection.subscribe(
        "events",
        null,
        () => {},
        () => {},
      )
      await until(() => handler.publishers.length === 1)
      slow.freeze()
      const message = "x".repeat(100_000)
      // What the system's own buffers hold comes on top of the bound.
      for (let i = 0; i < 1_000 && !handler.seen.includes("events over"); i++) {
        handler.publishers[0]?.send(message)
        await Bun.sleep(0)
      }
      expect(handler.seen).toContain("events over")
      expect(handler.seen).toContain("swarm-02 disconnected")
      expect(await other.call("echo", 1)).toBe(1)
      slow.thaw()
      expect(await closed(slow.connection)).toBe("peer_closed")
    })

    test("a peer that has gone silent is noticed by both sides", async () => {
      const limits = { keepAliveMs: 20, silentKeepAlivesMax: 5 }
      const { address } = await listen({ limits })
      const { connection, freeze } = await harness.connectHeld({ address, expect: CLUSTER, limits }, CLIENT)
      await Bun.sleep(150)
      expect(await connection.call("echo", "idle is not dead")).toBe("idle is not dead")
      freeze()
      expect(await closed(connection)).toBe("peer_closed")
      await until(() => handler.seen.includes("swarm-02 disconnected"))
    })

    test("nobody listens, and a port taken twice", async () => {
      const { listener, address } = await listen()
      expect(await codeOf(listen({ port: listener.port }))).toBe("port_in_use")
      await listener.close()
      const error = await harness.connect({ address, expect: CLUSTER }, CLIENT).catch((thrown: OvlError) => thrown)
      expect(error).toMatchObject({ code: "peer_refused", kind: "unavailable" })
      expect((error as OvlError).message).toBe(`connecting to ${address}: connection refused`)
    })

    test("no more connections than allowed", async () => {
      const { address } = await listen({ limits: { connectionsMax: 1 } })
      const first = await harness.connect({ address, expect: CLUSTER }, CLIENT)
      expect(await codeOf(harness.connect({ address, expect: CLUSTER }, OTHER))).toBe("peer_closed")
      expect(await first.call("echo", 1)).toBe(1)
    })
  })
}
