/**
 * What goes between members beside the log: messages, and whole states for those that lag too far. A state is pulled by
 * who needs it, in pieces, into a stage beside its own.
 */
import { OvlError } from "../../base/errors.ts"
import { RAFT_SNAPSHOT_PIECE_ATTEMPTS_MAX } from "../../base/limits.ts"
import type { Log } from "../../base/log.ts"
import type { Message } from "../../raft/message.ts"
import type { NodeId } from "../../raft/types.ts"
import type { Backend, Stage } from "../backend.ts"
import { exportPiece, importPiece } from "../state-rows.ts"
import type { RaftConsensus } from "./consensus.ts"
import type { Driver } from "./driver.ts"
import type { Members, ReplicationTransport, SnapshotOffer, SnapshotPiece } from "./port.ts"

type Fetch = (from: NodeId, index: number, cursor: string) => Promise<SnapshotPiece>

export class Exchange implements ReplicationTransport {
  readonly #consensus: RaftConsensus
  readonly #driver: Driver
  readonly #backend: Backend
  readonly #log: Log
  #fetch: Fetch = () => Promise.reject(new Error("no way to fetch it"))

  constructor(consensus: RaftConsensus, backend: Backend, log: Log) {
    this.#consensus = consensus
    this.#driver = consensus.driver
    this.#backend = backend
    this.#log = log
    consensus.fetch = (offer) => void this.#pull(offer)
  }

  get self(): NodeId {
    return this.#driver.self
  }

  receive(message: Message): void {
    this.#driver.receive(message)
    this.#consensus.processMessages()
  }

  setSend(send: (messages: readonly Message[]) => void): void {
    this.#consensus.send = send
  }

  setFetch(fetch: Fetch): void {
    this.#fetch = fetch
  }

  snapshotPiece(index: number, cursor: string): SnapshotPiece {
    const tables = this.#driver.keptState(index)
    if (!tables)
      throw new OvlError("snapshot_expired", `send the state at entry ${index}: it is not kept any more`, {
        kind: "not_found",
      })
    return exportPiece(tables, cursor)
  }

  unreachable(id: NodeId): void {
    this.#driver.unreachable(id)
    this.#consensus.processSoon()
  }

  leaderReset(): void {
    this.#driver.leaderReset()
    this.#consensus.processSoon()
  }

  members(): Members {
    return this.#driver.members
  }

  async #pull(offer: SnapshotOffer): Promise<void> {
    let stage: Stage | null = null
    try {
      stage = await this.#backend.stage()
      await this.#load(offer, stage)
    } catch (thrown) {
      this.#log.warn("the state of the store could not be fetched from another server", { error: String(thrown) })
      stage?.discard()
      stage = null
    }
    this.#driver.snapshotFetched(stage)
    this.#consensus.processSoon()
  }

  async #load({ from, index }: SnapshotOffer, stage: Stage): Promise<void> {
    for (let cursor: string | null = ""; cursor !== null; ) {
      const piece: SnapshotPiece = await this.#piece(from, index, cursor)
      await stage.load((tables) => importPiece(tables, piece.bytes))
      cursor = piece.next
    }
  }

  /** Connections break: a piece is asked for again before all is given up. */
  async #piece(from: NodeId, index: number, cursor: string): Promise<SnapshotPiece> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#fetch(from, index, cursor)
      } catch (thrown) {
        if (attempt >= RAFT_SNAPSHOT_PIECE_ATTEMPTS_MAX) throw thrown
        await this.#consensus.pause()
      }
    }
  }
}
