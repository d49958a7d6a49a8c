/** What happens on this node, told to whoever listens: `/api/v1/events` and the log. */
import type { Clock } from "../base/clock.ts"
import { EVENT_HISTORY_MAX_EVENTS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import type { EventType } from "../base/event-types.ts"
import type { EventView } from "../model/event.ts"

export class EventBus {
  readonly #listeners = new Set<(event: EventView) => void>()
  /** The latest ones, oldest first. */
  readonly #history: EventView[] = []
  readonly #clock: Clock
  readonly #log: Log
  readonly #node: string

  /** `node` is the name of the node that tells of what happens. */
  constructor(clock: Clock, log: Log, node: string) {
    this.#node = node
    this.#clock = clock
    this.#log = log
  }

  /** Tells of one thing that happened; `type` is a stable word, `message` a sentence for people. */
  emit(type: EventType, message: string, fields: Record<string, string> = {}): void {
    const event: EventView = {
      time: new Date(this.#clock.now()).toISOString(),
      node: this.#node,
      type,
      message,
      fields,
    }
    this.#log.info(message, { event: type, ...fields })
    this.#history.push(event)
    if (this.#history.length > EVENT_HISTORY_MAX_EVENTS) this.#history.shift()
    for (const listener of this.#listeners) listener(event)
  }

  /** With `since` (milliseconds since the epoch) first those that are remembered from then on, at once. */
  listen(onEvent: (event: EventView) => void, { since = Infinity }: { since?: number } = {}): () => void {
    for (const event of this.#history) if (Date.parse(event.time) >= since) onEvent(event)
    this.#listeners.add(onEvent)
    return () => this.#listeners.delete(onEvent)
  }
}
