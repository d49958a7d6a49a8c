/**
 * Raft's messages between servers, over whatever carries connections: a link to each peer for what goes out, and for
 * what comes in a gatekeeper, who lets a server speak for nobody but the node that its certificate names.
 */
import { OvlError } from "../base/errors.ts"
import { RAFT_PIECE_TIMEOUT_MS } from "../base/limits.ts"
import { raftIdOf } from "../model/node.ts"
import type { Message } from "../raft/message.ts"
import type { NodeId } from "../raft/types.ts"
import type { CallContext, PeerIdentity } from "./port.ts"
import { decodeRaftMessage, isRaftWireMessage } from "./raft-codec.ts"
import { RaftLink } from "./raft-link.ts"
import {
  type PieceRequest,
  RAFT_PIECE_METHOD,
  RAFT_POST_KIND,
  type RaftInbound,
  type RaftPeer,
  type RaftPeerState,
  type RaftTransport,
  type RaftTransportOptions,
  type SnapshotPiece,
} from "./raft-port.ts"
import { protocolViolation } from "./wire-errors.ts"

export function raftTransport(options: RaftTransportOptions): RaftTransport {
  return new ConnectedRaftTransport(options)
}

class ConnectedRaftTransport implements RaftTransport {
  readonly inbound: RaftInbound
  readonly #options: RaftTransportOptions
  readonly #links = new Map<NodeId, RaftLink>()
  #closed = false

  constructor(options: RaftTransportOptions) {
    this.#options = options
    this.inbound = {
      posted: (kind, bytes, context) => this.#posted(kind, bytes, context),
      piece: (params, context) => this.#piece(params, context),
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.from !== this.#options.self.raftId || !isRaftWireMessage(message)) continue
      const link = this.#links.get(message.to)
      if (link) link.push(message)
      else if (message.type === "MsgSnap") this.#lost(message.to)
    }
  }

  /** Of a snapshot the core waits to hear what became of it. Later: the driver may be in the middle of what made it send. */
  #lost(raftId: NodeId): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#options.onUnreachable(raftId)
    })
  }

  setPeers(peers: ReadonlyMap<NodeId, RaftPeer>): void {
    if (this.#closed) return
    for (const [raftId, link] of this.#links) {
      const peer = peers.get(raftId)
      if (peer?.nodeId !== link.peer.nodeId || peer.address !== link.peer.address) this.#drop(link)
    }
    for (const [raftId, peer] of peers) {
      if (raftId === this.#options.self.raftId || this.#links.has(raftId)) continue
      this.#links.set(raftId, new RaftLink(raftId, { nodeId: peer.nodeId, address: peer.address }, this.#options))
    }
  }

  disconnect(nodeId: string): void {
    for (const link of this.#links.values()) {
      if (link.peer.nodeId === nodeId) this.#drop(link)
    }
  }

  async fetchPiece(from: NodeId, request: PieceRequest): Promise<SnapshotPiece> {
    const link = this.#links.get(from)
    if (link === undefined) {
      throw new OvlError("peer_unknown", `fetching a snapshot: server ${from} is no peer`, { kind: "not_found" })
    }
    const connection = await link.bulk()
    const answer = await connection.call(RAFT_PIECE_METHOD, request, { timeoutMs: RAFT_PIECE_TIMEOUT_MS })
    return pieceOf(answer)
  }

  peers(): RaftPeerState[] {
    return [...this.#links.values()].map((link) => link.state())
  }

  close(): void {
    this.#closed = true
    for (const link of this.#links.values()) this.#drop(link)
  }

  #drop(link: RaftLink): void {
    this.#links.delete(link.raftId)
    link.close()
  }

  #posted(kind: number, bytes: Uint8Array, context: CallContext): void {
    if (kind !== RAFT_POST_KIND) throw protocolViolation(`posts of kind ${kind} are not known`)
    const server = serverOf(context)
    const message = decodeRaftMessage(bytes)
    if (message.from !== raftIdOf(server.nodeId) || message.to !== this.#options.self.raftId) {
      this.#options.log.warn("message of a server refused", { peer: server.name, from: message.from, to: message.to })
      throw new OvlError(
        "raft_message_forged",
        "message of another server: it is not its own, or not for this server",
        {
          kind: "forbidden",
          hint: "each server speaks for itself only",
        },
      )
    }
    if (!this.#closed) this.#options.onMessage(message)
  }

  async #piece(params: unknown, context: CallContext): Promise<SnapshotPiece> {
    const server = serverOf(context)
    return await this.#options.servePiece(requestOf(params), raftIdOf(server.nodeId))
  }
}

/** Who speaks, if it is a server. Throws `server_only` (kind forbidden). */
function serverOf({ peer }: CallContext): PeerIdentity {
  if (peer?.role === "server") return peer
  throw new OvlError("server_only", `messages between servers: ${peer?.name ?? "a stranger"} is none`, {
    kind: "forbidden",
    hint: "a client joins with a token for servers to become one",
  })
}

function requestOf(params: unknown): PieceRequest {
  const { snapshotIndex, snapshotTerm, cursor } = fieldsOf(params)
  if (isCount(snapshotIndex) && isCount(snapshotTerm) && (cursor === null || typeof cursor === "string")) {
    return { snapshotIndex, snapshotTerm, cursor }
  }
  throw malformedPiece("the question for it makes no sense")
}

function pieceOf(answer: unknown): SnapshotPiece {
  const { rows, next } = fieldsOf(answer)
  if (rows instanceof Uint8Array && (next === null || typeof next === "string")) return { rows, next }
  throw malformedPiece("the answer makes no sense")
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
}

function malformedPiece(why: string): OvlError {
  return new OvlError("raft_piece_malformed", `piece of a snapshot: ${why}`, {
    kind: "invalid",
    hint: "do all servers run versions of ovl that go together?",
  })
}
