/**
 * `/api/v1/events`: what happens on this node, as server-sent events (WHATWG HTML, section 9.2), from now on, or first
 * what it remembers. A reader that cannot keep up is cut off rather than waited for, and comes back by itself as every
 * EventSource does.
 */
import { z } from "zod"
import type { LocalNode } from "../../agent/port.ts"
import { EVENT_KEEPALIVE_MS, EVENT_QUEUE_MAX_EVENTS } from "../../base/limits.ts"
import type { EventView } from "../../model/event.ts"
import { type Route, route } from "../route.ts"

const eventQuerySchema = z.strictObject({
  since: z.iso.datetime({ offset: true }).optional(),
  follow: z
    .enum(["true", "false", "1", "0"])
    .default("true")
    .transform((text) => text === "true" || text === "1"),
})

export const eventRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/v1/events",
    summary:
      "What this node tells of, from now on: server-sent events, the data of each an Event. Networks and nodes are the whole cluster's, the rest this node's. With since, first what it remembers from then on; without follow, only that",
    requirement: "read",
    query: eventQuerySchema,
    answer: { status: 200, type: "text/event-stream" },
    async handle({ node, query, signal, holdOpen }) {
      const since = query.since === undefined ? undefined : Date.parse(query.since)
      if (query.follow) holdOpen()
      return new Response(query.follow ? eventStream(node, signal, since) : remembered(node, since), {
        headers: { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store" },
      })
    },
  }),
]

function textOf(event: EventView): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

/** Without a time, all that there is. */
function remembered(node: LocalNode, since = 0): string {
  const texts: string[] = []
  node.events((event) => void texts.push(textOf(event)), { since })()
  return texts.join("")
}

function eventStream(node: LocalNode, signal: AbortSignal, since?: number): ReadableStream<Uint8Array> {
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
        const unsubscribe = node.events((event) => send(textOf(event)), { since })
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
