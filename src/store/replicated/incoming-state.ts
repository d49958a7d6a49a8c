/**
 * A whole state on its way here, for a member that lags too far: a leader offers it, it is pulled into a stage, and then
 * the core is told of it as if it had come with the offer. There is one at a time.
 */
import type { Message } from "../../raft/message.ts"
import type { Stage } from "../backend.ts"
import type { SnapshotOffer } from "./port.ts"

export class IncomingState {
  readonly #fetch: (offer: SnapshotOffer) => void
  #offer: Message | null = null
  #stage: Stage | null = null

  /** `fetch` begins to pull, and ends with a call of `fetched`. */
  constructor(fetch: (offer: SnapshotOffer) => void) {
    this.#fetch = fetch
  }

  /** What waits to be installed. */
  get stage(): Stage | null {
    return this.#stage
  }

  /** The state comes first, and the message is looked at when it is here. */
  begin(message: Message): void {
    if (this.#offer !== null || this.#stage !== null) return
    this.#offer = message
    this.#fetch({ from: message.from, index: message.snapshot!.index, term: message.snapshot!.term })
  }

  /** It is here; null: it came to nothing. `takes` tells the core of the offer, and whether it is going to install it. */
  fetched(stage: Stage | null, takes: (offer: Message) => boolean): void {
    const offer = this.#offer
    this.#offer = null
    if (stage === null) return
    if (offer !== null && takes(offer)) this.#stage = stage
    else stage.discard()
  }

  installed(): void {
    this.#stage = null
  }

  discard(): void {
    this.#stage?.discard()
    this.#stage = null
  }
}
