/** What a TLS listener does with those who do not keep to the rules: bytes that are no TLS, frames that are none. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { connect as tcpConnect } from "node:net"
import { connect as tlsConnect } from "node:tls"
import { OvlError } from "../../src/base/errors.ts"
import { encodeFrame, FrameDecoder, FrameType, PROTOCOL_VERSION } from "../../src/transport/frames.ts"
import type { PeerLimits, PeerListener } from "../../src/transport/port.ts"
import { connectTls, listenTls } from "../../src/transport/tls.ts"
import { CLIENT, CLUSTER, SERVER } from "./transport-harness.ts"
import { credentialsOf } from "./transport-tls-fixture.ts"

const HELLO = encodeFrame(FrameType.hello, 0, { protocol: PROTOCOL_VERSION, ...CLUSTER }, 1_000)
const frame = (type: FrameType, id: number, body: unknown) => encodeFrame(type, id, body, 1_000_000)

describe("a hostile peer", () => {
  let listener: PeerListener
  let posted: number[]
  const limits: Partial<PeerLimits> = { frameMaxBytes: 10_000, unauthenticatedTimeoutMs: 300, unauthenticatedMax: 4 }

  beforeEach(async () => {
    posted = []
    listener = await listenTls({
      host: "127.0.0.1",
      port: 0,
      cluster: CLUSTER,
      handler: {
        call: (_method, params) => (params === "hold" ? new Promise(() => {}) : Promise.resolve(params)),
        subscribe: () => {},
        posted: (kind) => {
          posted.push(kind)
        },
      },
      limits,
      credentials: await credentialsOf(SERVER, "ours"),
    })
  })
  afterEach(async () => {
    await stillWorks()
    await listener.close()
  })

  /** Whatever happened, an honest peer is served. */
  async function stillWorks() {
    const credentials = await credentialsOf(CLIENT, "ours")
    const connection = await connectTls({ address: `127.0.0.1:${listener.port}`, credentials, expect: CLUSTER })
    expect(await connection.call("echo", "alive")).toBe("alive")
    connection.close()
  }

  /** Sends bytes as a member with a good certificate, and gives what the goodbye says, or "closed". */
  async function say(...messages: Uint8Array[]): Promise<string> {
    const { cert, key, ca } = await credentialsOf(CLIENT, "ours")
    const socket = tlsConnect({
      host: "127.0.0.1",
      port: listener.port,
      cert,
      key,
      ca,
      checkServerIdentity: () => undefined,
    })
    const decoder = new FrameDecoder(1_000_000)
    let code = "closed"
    socket.on("data", (bytes: Uint8Array) => {
      for (const { type, body } of decoder.push(bytes)) {
        if (type === FrameType.goodbye) code = (body as { code: string }).code
      }
    })
    socket.on("error", () => {})
    socket.once("secureConnect", () => {
      for (const message of messages) socket.write(message)
    })
    await new Promise((resolve) => socket.once("close", resolve))
    return code
  }

  /** Sends bytes without any TLS and waits until the other side has had enough. */
  async function rawTcp(bytes: string): Promise<void> {
    const socket = tcpConnect(listener.port, "127.0.0.1")
    socket.on("error", () => {})
    socket.on("data", () => {})
    socket.write(bytes)
    await new Promise((resolve) => socket.once("close", resolve))
  }

  test("who speaks no TLS is closed on, and so is who says nothing", async () => {
    await Promise.all([rawTcp("GET / HTTP/1.1\r\n\r\n"), rawTcp(""), rawTcp("\x16\x03\x01\xff\xff")])
  })

  test("silent connections do not keep the nodes out", async () => {
    const silent = Array.from({ length: 20 }, () => rawTcp(""))
    await stillWorks()
    await Promise.all(silent)
  })

  test("who does not greet first, or not in our words", async () => {
    expect(await say(frame(FrameType.call, 1, { method: "echo" }))).toBe("protocol_violation")
    expect(await say(frame(FrameType.hello, 0, null))).toBe("protocol_violation")
    expect(await say(frame(FrameType.hello, 0, { protocol: 1, ...CLUSTER }))).toBe("wrong_protocol")
    const newer = { protocol: PROTOCOL_VERSION + 2, protocolMin: PROTOCOL_VERSION + 1 }
    expect(await say(frame(FrameType.hello, 0, { ...newer, ...CLUSTER }))).toBe("wrong_protocol")
    const nobody = { protocol: PROTOCOL_VERSION, clusterId: null, recoveryEpoch: null }
    expect(await say(frame(FrameType.hello, 0, nobody))).toBe("wrong_cluster")
  })

  test("who says nothing at all after the handshake", async () => {
    expect(await say()).toBe("peer_closed")
  })

  test("frames that cannot be", async () => {
    expect(await say(HELLO, Buffer.from("ffffffff", "hex"))).toBe("frame_too_large")
    expect(await say(HELLO, Buffer.from("0000000163", "hex"))).toBe("frame_malformed")
    expect(await say(HELLO, Buffer.from("000000060500000001", "hex"), Buffer.from("{"))).toBe("frame_malformed")
    expect(await say(HELLO, crypto.getRandomValues(new Uint8Array(50_000)))).toMatch(/^frame_/)
  })

  test("frames that are not for the listening side, and a call that comes twice", async () => {
    expect(await say(HELLO, HELLO)).toBe("protocol_violation")
    expect(await say(HELLO, frame(FrameType.answer, 1, 1))).toBe("protocol_violation")
    const held = frame(FrameType.call, 1, { method: "echo", params: "hold" })
    expect(await say(HELLO, held, held)).toBe("protocol_violation")
    const subscribe = frame(FrameType.subscribe, 1, { method: "events" })
    expect(await say(HELLO, subscribe, subscribe)).toBe("protocol_violation")
  })

  test("posts: before the greeting, and too large, of which the head alone tells", async () => {
    const post = (bytes: Uint8Array) => encodeFrame(FrameType.post, 1, bytes, 1_000_000)
    expect(await say(post(new Uint8Array(1)))).toBe("protocol_violation")
    expect(await say(HELLO, post(new Uint8Array(20_000)))).toBe("frame_too_large")
    expect(await say(HELLO, post(new Uint8Array(20_000)).subarray(0, 9))).toBe("frame_too_large")
    expect(posted).toEqual([])
  })

  test("half a frame and then the end", async () => {
    const { cert, key, ca } = await credentialsOf(CLIENT, "ours")
    const socket = tlsConnect({
      host: "127.0.0.1",
      port: listener.port,
      cert,
      key,
      ca,
      checkServerIdentity: () => undefined,
    })
    socket.resume()
    const halfPost = encodeFrame(FrameType.post, 1, new Uint8Array(100), 1_000).subarray(0, 50)
    socket.once("secureConnect", () => socket.end(Buffer.concat([HELLO, halfPost])))
    await new Promise((resolve) => socket.once("close", resolve))
    expect(posted).toEqual([])
  })
})

test("an address that this host has not is said so", async () => {
  const credentials = await credentialsOf(SERVER, "ours")
  const handler = { call: async () => null, subscribe: () => {} }
  const error = await listenTls({ host: "192.0.2.1", port: 0, cluster: CLUSTER, handler, credentials }).catch((e) => e)
  expect(error).toBeInstanceOf(OvlError)
  expect(error).toMatchObject({
    code: "address_not_local",
    message: "listening on 192.0.2.1:0: this host has no such address",
    exitStatus: 2,
  })
})

test("a certificate outside its time is refused", async () => {
  const handler = { call: async () => null, subscribe: () => {} }
  const credentials = await credentialsOf(SERVER, "ours")
  const listener = await listenTls({ host: "127.0.0.1", port: 0, cluster: CLUSTER, handler, credentials })
  // Certificates are valid from an hour ago: this one was so for half of it.
  const expired = await credentialsOf(CLIENT, "ours", -0.02)
  const address = `127.0.0.1:${listener.port}`
  const error = await connectTls({ address, credentials: expired, expect: CLUSTER }).catch((e) => e)
  await listener.close()
  expect(error).toMatchObject({ code: "certificate_refused", hint: "check the clocks of both nodes" })
})
