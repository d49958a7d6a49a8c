/**
 * `/api/v1/events`: what happens on this node, as server-sent events (WHATWG HTML, section 9.2), from now on. A reader
 * that cannot keep up is cut off rather than waited for, and comes back by itself as every EventSource does.
 */
import type { LocalNode } from "../../agent/port.ts"
import { EVENT_KEEPALIVE_MS, EVENT_QUEUE_MAX_EVENTS } from "../../base/limits.ts"
import { type Route, route } from "../route.ts"

export const eventRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/events",
    summary: "What happens on this node, from now on: server-sent events, the data of each an Event",
    requirement: "read",
    answer: { status: 200, type: "text/event-stream" },
    async handle({ node, signal, holdOpen }) {
      holdOpen()
      return new Response(eventStream(node, signal), {
        headers: { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store" },
      })
    },
  }),
]

function eventStream(node: LocalNode, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let stop = () => {}
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string) => {
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(text))
          else end()
        }
        const end = () => {
          stop()
          controller.close()
        }
        const unsubscribe = node.events((event) => send(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`))
        const keepAlive = setInterval(() => send(":\n\n"), EVENT_KEEPALIVE_MS)
        stop = () => {
          unsubscribe()
          clearInterval(keepAlive)
          signal.removeEventListener("abort", end)
          stop = () => {}
        }
        signal.addEventListener("abort", end)
        // The first bytes carry the headers to the caller, who then knows that nothing from here on is missed.
        send(": from here on\n\n")
      },
      cancel: () => stop(),
    },
    new CountQueuingStrategy({ highWaterMark: EVENT_QUEUE_MAX_EVENTS }),
  )
}
