/**
 * How servers carry Raft's messages to each other: what the driver of the consensus core sees of the network. Each
 * server dials every other one and posts to it over its own connections, so that a message goes one way and waits for
 * nothing. Messages may be lost (a queue that is full, a connection that breaks), repeated never, and reordered only
 * between the two lanes: entries travel in order on one, votes, heartbeats and answers on the other.
 */
import type { Clock } from "../base/clock.ts"
import type { OvlError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Random } from "../base/random.ts"
import type { Message } from "../raft/message.ts"
import type { NodeId } from "../raft/types.ts"
import type { CallContext, ClusterIdentity, ConnectOptions, PeerConnection, PeerHandler } from "./port.ts"

/** Where another server is found, and who must answer there. */
export interface RaftPeer {
  /** As in its certificate. Another node that answers at the address is refused and never gets a message. */
  nodeId: string
  /** `host:port` of its listener. */
  address: string
}

/** One server as this one reaches it. */
export interface RaftPeerState extends RaftPeer {
  raftId: NodeId
  /** Both connections to it stand. */
  connected: boolean
  /** Bytes that wait to be sent to it, and messages that were given up in its life as a peer. */
  queuedBytes: number
  droppedMessages: number
  /** Why the last try to connect failed, or the last connection broke; null once it stands again. */
  lastError: OvlError | null
}

/** Which part of which snapshot is wanted; the cursor is null for the first one, then what the last answer gave. */
export interface PieceRequest {
  snapshotIndex: number
  snapshotTerm: number
  cursor: string | null
}

export interface SnapshotPiece {
  rows: Uint8Array
  /** What to ask for next; null when this was the last piece. */
  next: string | null
}

export interface RaftTransportOptions {
  /** This server's own ids; messages to any other are refused when they come in. */
  self: { raftId: NodeId; nodeId: string }
  /** Read at each dial: a disaster recovery may raise its epoch while the transport lives. */
  cluster: ClusterIdentity
  /** `connectTls` with this node's credentials, or the memory network's. */
  connect: (options: ConnectOptions) => Promise<PeerConnection>
  /**
   * A message of another server: checked to be well-formed, for us, and from the one whose certificate it came with.
   */
  onMessage: (message: Message) => void
  /** Messages to this server were given up or could not be sent: for `MsgUnreachable`. At most once a turn for each. */
  onUnreachable: (raftId: NodeId) => void
  /**
   * A control connection to this server that stood has been ended by its side, reset or fallen silent; called at once.
   * When it is the leader's, a follower may ask for a pre-vote without waiting for its election timeout.
   */
  onLost: (raftId: NodeId, nodeId: string) => void
  /** This server was reached and will not have us: `not_member`, `wrong_recovery_epoch`, ... Once for each reason. */
  onRefused?: (nodeId: string, error: OvlError) => void
  /** Gives another server one piece of a snapshot. What it throws reaches the asker. */
  servePiece: (request: PieceRequest, asker: NodeId) => SnapshotPiece | Promise<SnapshotPiece>
  clock: Clock
  random: Random
  log: Log
}

export interface RaftTransport {
  /**
   * Queues this server's own messages for the servers they name. Never throws, never waits. Dropped without a word:
   * what is for no peer (but that of a snapshot `onUnreachable` tells), and what only this server may hear
   * (`isRaftWireMessage`) or another one has said.
   */
  send(messages: readonly Message[]): void
  /**
   * Says who the other servers are, by raft id: new ones are dialled, others' connections closed. This node is ignored.
   */
  setPeers(peers: ReadonlyMap<NodeId, RaftPeer>): void
  /**
   * Closes the connections to a node and forgets it until `setPeers` names it again. The listener cuts its own ends.
   */
  disconnect(nodeId: string): void
  /**
   * Asks a peer for one piece of a snapshot. Rejects with what it threw, or as `PeerConnection.call` does;
   * `peer_unknown` (not_found) when it is no peer, `raft_piece_malformed` (invalid) when the answer makes no sense.
   */
  fetchPiece(from: NodeId, request: PieceRequest): Promise<SnapshotPiece>
  peers(): RaftPeerState[]
  /** What comes in; `withRaft` puts it in front of the listener's handler. */
  readonly inbound: RaftInbound
  close(): void
}

export interface RaftInbound {
  /** For `PeerHandler.posted`. Throws, and so ends the connection, when it is none of Raft's or not for us. */
  posted(kind: number, bytes: Uint8Array, context: CallContext): void
  /** Answers `RAFT_PIECE_METHOD`. */
  piece(params: unknown, context: CallContext): Promise<SnapshotPiece>
}

/** The call that asks for a piece of a snapshot. */
export const RAFT_PIECE_METHOD = "raft/piece"
/** The kind of a `post` that is a message of Raft's. */
export const RAFT_POST_KIND = 1

/** The listener's handler with Raft in front of it. */
export function withRaft(handler: PeerHandler, inbound: RaftInbound): PeerHandler {
  return {
    connected: (peer) => handler.connected?.(peer),
    disconnected: (peer) => handler.disconnected?.(peer),
    subscribe: (method, params, context, publisher) => handler.subscribe(method, params, context, publisher),
    call: (method, params, context) =>
      method === RAFT_PIECE_METHOD ? inbound.piece(params, context) : handler.call(method, params, context),
    posted: (kind, bytes, context) => inbound.posted(kind, bytes, context),
  }
}
