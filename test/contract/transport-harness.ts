/** What the transport's contract needs of each implementation, who plays in it, and a handler that keeps a record. */
import { expect } from "bun:test"
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
export const SECOND_SERVER: PeerIdentity = { nodeId: "54", name: "swarm-04", role: "server" }
/** The kind of post that the handler below refuses. */
export const UNLUCKY = 0xffff_fff0

/** Whose word a certificate is: the cluster's authority's, or another one's. The node itself trusts ours. */
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
export class Recorder implements PeerHandler {
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

  posted(kind: number, bytes: Uint8Array, { peer }: { peer: PeerIdentity | null }): void {
    if (kind === UNLUCKY) throw new OvlError("unlucky", "post: refused", { kind: "invalid" })
    const shown = bytes.length > 10 ? `${bytes.length} bytes` : Buffer.from(bytes).toString("hex")
    this.seen.push(`${peer?.name ?? "stranger"} posts ${kind} ${shown}`)
  }

  connected(peer: PeerIdentity): void {
    this.seen.push(`${peer.name} connected`)
  }

  disconnected(peer: PeerIdentity): void {
    this.seen.push(`${peer.name} disconnected`)
  }
}

/** The code of what a promise rejects with; the result where it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => ({ resolved: value }),
    (thrown) => (thrown instanceof OvlError ? thrown.code : thrown),
  )
}

export function closed(connection: PeerConnection): Promise<string | undefined> {
  return new Promise((resolve) => connection.onClose((error) => resolve(error?.code)))
}

export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !condition(); turn++) await Bun.sleep(1)
  expect(condition()).toBe(true)
}

/** One test's transport and handler, made anew for each. */
export class Stage {
  harness!: TransportHarness
  handler!: Recorder

  async open(makeHarness: () => Promise<TransportHarness>): Promise<void> {
    this.harness = await makeHarness()
    this.handler = new Recorder()
  }

  close(): Promise<void> {
    return this.harness.dispose()
  }

  listen(options: Partial<ListenOptions> & { port?: number } = {}, as = SERVER, signedBy?: SignedBy) {
    return this.harness.listen({ cluster: CLUSTER, handler: this.handler, ...options }, as, signedBy)
  }

  /** A server, and a client that is connected to it. */
  async pair(options: Partial<ListenOptions> = {}) {
    const { listener, address } = await this.listen(options)
    const connection = await this.harness.connect({ address, expect: CLUSTER }, CLIENT)
    return { listener, address, connection }
  }
}
