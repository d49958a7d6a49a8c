/**
 * A server as the tests of Raft's transport need it: a listener, the transport, and a record of all that it was told.
 */
import type { Message } from "../../src/raft/message.ts"
import { lineLog } from "../../src/base/log.ts"
import { systemClock, systemRandom } from "../../src/linux/system.ts"
import { raftIdOf } from "../../src/model/node.ts"
import type { PeerHandler, PeerIdentity, PeerListener } from "../../src/transport/port.ts"
import {
  type PieceRequest,
  type RaftPeer,
  type RaftTransport,
  type SnapshotPiece,
  withRaft,
} from "../../src/transport/raft-port.ts"
import { raftTransport } from "../../src/transport/raft-transport.ts"
import { CLUSTER, type TransportHarness } from "./transport-harness.ts"

export function serverNamed(number: number): PeerIdentity {
  return { nodeId: String(number).padStart(12, "0").padEnd(64, "f"), name: `server-0${number}`, role: "server" }
}

export class RaftServer {
  readonly identity: PeerIdentity
  readonly raftId: number
  readonly transport: RaftTransport
  readonly got: Message[] = []
  readonly unreachable: number[] = []
  readonly lost: string[] = []
  readonly refused: string[] = []
  readonly log: string[] = []
  /** Nodes whose connections are accepted; everyone unless somebody was taken out. */
  readonly members = new Set<string>([1, 2, 3].map((number) => serverNamed(number).nodeId))
  connections = 0
  address = ""
  port = 0
  piece: (request: PieceRequest, asker: number) => SnapshotPiece = () => ({ rows: new Uint8Array(0), next: null })
  #listener: PeerListener | null = null
  #hold: { freeze(): void; thaw(): void }[] = []
  #held: TransportHarness | null = null

  static async start(harness: TransportHarness, identity: PeerIdentity): Promise<RaftServer> {
    const server = new RaftServer(harness, identity)
    await server.listen(harness)
    return server
  }

  private constructor(harness: TransportHarness, identity: PeerIdentity) {
    this.identity = identity
    this.raftId = raftIdOf(identity.nodeId)
    this.transport = raftTransport({
      self: { raftId: this.raftId, nodeId: identity.nodeId },
      cluster: CLUSTER,
      connect: async (options) => {
        if (this.#held === null) return await harness.connect(options, identity)
        const { connection, ...hold } = await this.#held.connectHeld(options, identity)
        this.#hold.push(hold)
        return connection
      },
      onMessage: (message) => this.got.push(message),
      onUnreachable: (raftId) => this.unreachable.push(raftId),
      onLost: (raftId, nodeId) => this.lost.push(`${raftId} ${nodeId}`),
      onRefused: (nodeId, error) => this.refused.push(`${nodeId} ${error.code}`),
      servePiece: (request, asker) => this.piece(request, asker),
      clock: systemClock,
      random: systemRandom,
      log: lineLog(
        (line) => this.log.push(line),
        "debug",
        () => "",
      ),
    })
  }

  /** Other servers that are reached. */
  get reached(): number {
    return this.transport.peers().filter((peer) => peer.connected).length
  }

  async listen(harness: TransportHarness, port?: number): Promise<void> {
    const handler: PeerHandler = {
      call: async () => null,
      subscribe: () => {},
      connected: () => void this.connections++,
      disconnected: () => void this.connections--,
    }
    const isMember = (nodeId: string, role: string) => role === "client" || this.members.has(nodeId)
    const options = { cluster: CLUSTER, handler: withRaft(handler, this.transport.inbound), isMember, port }
    const { listener, address } = await harness.listen(options, this.identity)
    this.#listener = listener
    this.address = address
    this.port = listener.port
  }

  knows(servers: RaftServer[]): void {
    const peers = servers.map(({ raftId, identity, address }): [number, RaftPeer] => [
      raftId,
      { nodeId: identity.nodeId, address },
    ])
    this.transport.setPeers(new Map(peers))
  }

  /** Makes another server a peer by connections on which everything can be held back. */
  async knowsHeld(server: RaftServer, harness: TransportHarness): Promise<{ freeze(): void; thaw(): void }> {
    this.#held = harness
    this.knows([server])
    return {
      freeze: () => this.#hold.forEach((hold) => void hold.freeze()),
      thaw: () => this.#hold.forEach((hold) => void hold.thaw()),
    }
  }

  disconnect(nodeId: string): void {
    this.#listener?.disconnect(nodeId)
  }

  /** Stops listening; with that everybody's connections here end, and its own to others. */
  async close(): Promise<void> {
    this.transport.setPeers(new Map())
    await this.#listener?.close()
  }
}
