/** Joining over real TLS: the joiner tells the right cluster from a wrong one before it shows its token. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { createServer, type Socket } from "node:net"
import { OvlError } from "../../src/base/errors.ts"
import type { Random } from "../../src/base/random.ts"
import { createKeyAndRequest, signRequest } from "../../src/transport/certificates.ts"
import { type JoinOptions, requestJoin } from "../../src/transport/join.ts"
import type { PeerHandler, PeerListener } from "../../src/transport/port.ts"
import { connectTls, listenTls } from "../../src/transport/tls.ts"
import { makeToken } from "../../src/transport/tokens.ts"
import { CLIENT, CLUSTER, SERVER } from "./transport-harness.ts"
import { credentialsOf, testAuthorities } from "./transport-tls-fixture.ts"

const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }

describe("join", () => {
  const open: { close(): unknown }[] = []
  let token: string
  let foreignToken: string
  /** Everything that a server was asked. */
  let asked: unknown[]
  let answer: (params: unknown) => unknown

  beforeEach(async () => {
    const { ours, theirs } = await testAuthorities()
    token = makeToken(ours.certPem, random).token
    foreignToken = makeToken(theirs.certPem, random).token
    asked = []
    answer = (params) => params
  })
  afterEach(async () => {
    for (const item of open.splice(0)) await item.close()
  })

  const handler: PeerHandler = {
    call: async (method, params, { peer }) => {
      asked.push([peer?.name ?? "stranger", method])
      return answer(params)
    },
    subscribe: () => {},
  }
  const listen = async (as = SERVER, authority: "ours" | "theirs" = "ours") => {
    const credentials = await credentialsOf(as, authority)
    const listener: PeerListener = await listenTls({
      host: "127.0.0.1",
      port: 0,
      cluster: CLUSTER,
      handler,
      credentials,
    })
    open.push(listener)
    return `127.0.0.1:${listener.port}`
  }
  const join = (servers: string[], more: Partial<JoinOptions> = {}) =>
    requestJoin({ servers, token, request: { name: "swarm-02" }, connectTimeoutMs: 500, ...more })
  const errorOf = async (promise: Promise<unknown>) => {
    const thrown = await promise.catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(OvlError)
    return thrown as OvlError
  }

  test("a node that joins gets a certificate, and is a member with it", async () => {
    const { ours } = await testAuthorities()
    const address = await listen()
    answer = async (params) => signRequest(ours, (params as { csr: string }).csr, { ...CLIENT, days: 1 })
    const { keyPem, csrPem } = await createKeyAndRequest(CLIENT)
    const cert = await join([address], { request: { csr: csrPem } })
    const credentials = { cert: cert as string, key: keyPem, ca: ours.certPem }
    const connection = await connectTls({ address, credentials, expect: CLUSTER })
    answer = () => "welcome"
    expect(await connection.call("echo", 1)).toBe("welcome")
    connection.close()
    expect(asked).toEqual([
      ["stranger", "join"],
      ["swarm-02", "echo"],
    ])
  })

  test("the token goes along, trimmed", async () => {
    expect(await join([await listen()], { token: ` ${token}\n` })).toEqual({ name: "swarm-02", token })
  })

  test("a token of another cluster: nothing is said to the server", async () => {
    const error = await errorOf(join([await listen()], { token: foreignToken }))
    expect(error).toMatchObject({ code: "token_wrong_cluster", kind: "forbidden", exitStatus: 5 })
    expect(asked).toEqual([])
  })

  test("a server that shows our authority beside a certificate of its own making gets nothing", async () => {
    const { ours } = await testAuthorities()
    const theirs = await credentialsOf(SERVER, "theirs")
    const credentials = { ...theirs, ca: ours.certPem }
    const impostor = await listenTls({ host: "127.0.0.1", port: 0, cluster: CLUSTER, handler, credentials })
    open.push(impostor)
    const error = await errorOf(join([`127.0.0.1:${impostor.port}`]))
    expect(["token_wrong_cluster", "peer_wrong_cluster"]).toContain(error.code)
    expect(asked).toEqual([])
  })

  test("a client node of the cluster cannot pose as a server to collect tokens", async () => {
    const error = await errorOf(join([await listen(CLIENT)]))
    expect(error.code).toBe("peer_not_server")
    expect(asked).toEqual([])
  })

  test("a refusal is the cluster's answer, as it is, and no other server is asked", async () => {
    answer = () => {
      throw new OvlError("token_expired", "token: it has expired", { kind: "forbidden", hint: "make a new one" })
    }
    const error = await errorOf(join([await listen(), await listen()]))
    expect(error).toMatchObject({ code: "token_expired", kind: "forbidden", hint: "make a new one" })
    expect(asked.length).toBe(1)
  })

  test("the next server is tried when one is away, foreign, silent or without a leader", async () => {
    const silent = createServer((socket: Socket) => open.push({ close: () => socket.destroy() }))
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
    open.push(silent)
    const bound = silent.address() as { port: number }
    let first = true
    answer = () => {
      if (!first) return "joined"
      first = false
      throw new OvlError("no_leader", "join: no leader", { kind: "unavailable" })
    }
    const foreign = await listen(SERVER, "theirs")
    const servers = ["127.0.0.1:1", foreign, `127.0.0.1:${bound.port}`, await listen(), await listen()]
    expect(await join(servers)).toBe("joined")
  })

  test("when no server is left, each failure is named", async () => {
    const foreign = await listen(SERVER, "theirs")
    const error = await errorOf(join(["127.0.0.1:1", foreign]))
    expect(error).toMatchObject({ code: "join_failed", kind: "forbidden" })
    expect(error.message).toBe(
      "join: no server could be asked; connecting to 127.0.0.1:1: connection refused; " +
        `joining at ${foreign}: the token is for another cluster`,
    )
    expect(await errorOf(join(["127.0.0.1:1"]))).toMatchObject({ code: "peer_refused", exitStatus: 6 })
  })

  test("what is wrong in itself is said before anything is opened", async () => {
    const address = await listen()
    expect((await errorOf(join([address], { token: "ovl1.x" }))).code).toBe("token_malformed")
    expect((await errorOf(join([address, "nonsense"]))).code).toBe("address_malformed")
    expect((await errorOf(join([]))).code).toBe("servers_invalid")
    expect(asked).toEqual([])
  })
})
