/** The event stream of a daemon, taken apart: server-sent events (WHATWG HTML, section 9.2) as ovl sends them. */

import type { EventView } from "../model/event.ts"

/** The data of each event, as it comes. Comments, by which the daemon shows that it lives, are passed over. */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EventView> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    const events = rest.split("\n\n")
    rest = events.pop() ?? ""
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: "))
      if (data.length > 0) yield JSON.parse(data.map((line) => line.slice("data: ".length)).join("\n")) as EventView
    }
  }
}
