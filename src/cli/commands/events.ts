import { asOvlError } from "../../base/errors.ts"
import { EVENT_HISTORY_MAX_EVENTS } from "../../base/limits.ts"
import type { Client } from "../../client/client.ts"
import type { EventView } from "../../model/event.ts"
import { EVENT_TYPES } from "../../base/event-types.ts"
import { defineCommand } from "../command.ts"
import type { Context } from "../context.ts"
import { untilInterrupted } from "../interrupt.ts"
import type { Style } from "../render/style.ts"
import { visible } from "../render/text.ts"
import { nearest, usageError } from "../usage.ts"
import { convert } from "../values.ts"

const TYPE_WIDTH = Math.max(...EVENT_TYPES.map((type) => type.length))
/** Between two tries to find a daemon that went away. */
const RETRY_MS = 500

export const events = defineCommand({
  path: ["events"],
  task: "Look closer",
  summary: "Show what happened, or with -f what happens, as it happens",
  details: `A line each: time, node, type, what. Networks and nodes are the whole cluster's, as this node learns of them; endpoints, workloads, repairs and blocked ways are this node's own: ask the others for theirs. A node remembers the last ${EVENT_HISTORY_MAX_EVENTS} since its daemon started; they are shown without -f, and with it only where --since asks for them. -f goes on when the daemon restarts, until Ctrl-C. With --json one array, with -f a document a line. Types: ${EVENT_TYPES.join(", ")}.`,
  examples: [
    { what: "What has happened here in the last ten minutes", line: "ovl events --since 10m" },
    {
      what: "Nodes that fall silent, for a script",
      line: "ovl events -f --type node_failed --json | jq -r .fields.node",
    },
  ],
  arguments: {},
  options: {
    follow: { kind: "flag", short: "f", description: "Go on with what comes, until Ctrl-C" },
    since: {
      kind: "text",
      value: "TIME",
      config: "",
      description: "From then on: 10m ago, or a time such as 2026-03-01T12:00:00Z",
    },
    type: { kind: "list", value: "TYPE", config: "", suggests: EVENT_TYPES, description: "Only these (see above)" },
  },
  async run(context) {
    const { follow, type } = context.options
    for (const each of type) checkType(each)
    const since = sinceOf(context.options.since, context.now())
    const wanted = (event: EventView) => type.length === 0 || type.includes(event.type)
    const client = await context.client()
    if (follow) {
      await untilInterrupted((signal) => followEvents(context, client, { since, signal, wanted }))
      return 0
    }
    const all = (await Array.fromAsync(client.events({ since: since ?? undefined, follow: false }))).filter(wanted)
    context.answer(all, () => all.map((event) => eventLine(event, context.style)).join(""))
    return 0
  },
})

interface Following {
  since: string | null
  signal: AbortSignal
  wanted: (event: EventView) => boolean
}

/** Rejects where there is no daemon in the beginning; later it waits for one to come back. */
async function followEvents(
  context: Pick<Context, "settings" | "write" | "remark" | "sleep" | "style" | "now">,
  client: Client,
  { since, signal, wanted }: Following,
): Promise<void> {
  let from = since
  let lost = false
  // Without a daemon in the beginning it is an error, with one it is something to wait for.
  await client.workloads()
  while (!signal.aborted) {
    try {
      for await (const event of client.events({ since: from ?? undefined, signal })) {
        if (lost) context.remark("going on")
        lost = false
        from = new Date(Date.parse(event.time) + 1).toISOString()
        if (wanted(event))
          context.write(context.settings.json ? `${JSON.stringify(event)}\n` : eventLine(event, context.style))
      }
      if (signal.aborted) return
    } catch (thrown) {
      const error = asOvlError(thrown)
      if (error.kind !== "unavailable") throw thrown
    }
    if (!lost) context.remark("waiting: the daemon has ended")
    // What a daemon tells in its first moments, before this is connected again, is not to be missed.
    from ??= new Date(context.now()).toISOString()
    lost = true
    await context.sleep(RETRY_MS)
  }
}

export function eventLine({ time, node, type, message }: EventView, style: Style): string {
  return `${style.dim(time)} ${node} ${style.bold(type.padEnd(TYPE_WIDTH))} ${visible(message)}\n`
}

function checkType(type: string): void {
  if ((EVENT_TYPES as readonly string[]).includes(type)) return
  const meant = nearest(type, EVENT_TYPES)
  throw usageError(
    "event_type_unknown",
    `--type: "${type}" is no type of event`,
    meant ? `did you mean "${meant}"?` : `one of ${EVENT_TYPES.join(", ")}`,
  )
}

/** As ISO 8601; null where nothing was said. Errors: option_value_invalid. */
function sinceOf(text: string | undefined, nowMs: number): string | null {
  if (text === undefined) return null
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const ms = Date.parse(text)
    if (!Number.isNaN(ms)) return new Date(ms).toISOString()
  } else if (/^\d+(\.\d+)?(ms|[smhdw])/.test(text)) {
    const ago = convert({ kind: "duration", value: "TIME", description: "" }, { given: "--since", texts: [text] }, {})
    return new Date(Math.max(0, nowMs - Number(ago))).toISOString()
  }
  throw usageError("option_value_invalid", `--since: "${text}" is no time`, "write 10m, or 2026-03-01T12:00:00Z")
}
