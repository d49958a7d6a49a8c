/** What happens on this node, told to whoever listens: `/api/v1/events` and the log. */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import type { EventView } from "../model/event.ts"

export class EventBus {
  readonly #listeners = new Set<(event: EventView) => void>()
  readonly #clock: Clock
  readonly #log: Log

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Tells of one thing that happened; `type` is a stable word, `message` a sentence for people. */
  emit(type: string, message: string, fields: Record<string, string> = {}): void {
    const event: EventView = { time: new Date(this.#clock.now()).toISOString(), type, message, fields }
    this.#log.info(message, { event: type, ...fields })
    for (const listener of this.#listeners) listener(event)
  }

  listen(onEvent: (event: EventView) => void): () => void {
    this.#listeners.add(onEvent)
    return () => this.#listeners.delete(onEvent)
  }
}
