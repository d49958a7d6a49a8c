import {
  PING_COUNT_DEFAULT,
  PING_COUNT_MAX,
  PING_DURATION_MAX_MS,
  PING_INTERVAL_DEFAULT_MS,
  PING_INTERVAL_MAX_MS,
  PING_INTERVAL_MIN_MS,
  PING_PAIR_COUNT_MAX,
  PING_PAIR_INTERVAL_MAX_MS,
} from "../../base/limits.ts"
import { OvlError } from "../../base/errors.ts"
import type { PingReply, PingView } from "../../model/ping.ts"
import { defineCommand } from "../command.ts"
import type { Context } from "../context.ts"
import { patiently } from "../render/progress.ts"
import { usageError } from "../usage.ts"

/** Packets of each pair of --all-pairs where nothing else is said. */
const PAIR_COUNT = 2
const ALL_PAIRS_CALL = "ovl ping --all-pairs NETWORK"

export const ping = defineCommand({
  path: ["ping"],
  task: "Look closer",
  summary: "Ping from one workload to another, on any node",
  details: `From inside FROM's own namespace, on the node where it lives, to another workload of the same network or to any address. Another node hears of it with its next sign of life, which takes up to 3 s; all packets together may take ${PING_DURATION_MAX_MS / 1_000} s. With --all-pairs every workload of a network pings every other one, both ways. Exits 0 where every packet was answered, 1 where one was lost, 3 for an unknown name, 4 where the two share no network.`,
  examples: [
    { what: "Does one reach the other?", line: "ovl ping namespace_01 namespace_03" },
    { what: "Does it reach the outside?", line: "ovl ping -c 1 namespace_01 203.0.113.1" },
    { what: "Everybody of a network, as a table", line: "ovl ping --all-pairs red" },
  ],
  arguments: {
    from: {
      name: "FROM",
      description: "The workload to ping from; with several networks also <workload>.<network>",
      required: false,
      takes: "one",
      holds: "endpoint",
    },
    to: {
      name: "TO",
      description: "A workload of the same network, or an address",
      required: false,
      takes: "one",
      suggests: "endpoint",
    },
  },
  options: {
    "all-pairs": {
      kind: "text",
      value: "NETWORK",
      config: "",
      holds: "network",
      description: "Every workload of a network to every other one, instead of FROM and TO",
    },
    count: {
      kind: "integer",
      short: "c",
      value: "N",
      min: 1,
      max: PING_COUNT_MAX,
      description: `How many packets (default: ${PING_COUNT_DEFAULT}, with --all-pairs ${PAIR_COUNT} each)`,
    },
    interval: {
      kind: "duration",
      short: "i",
      value: "TIME",
      default: PING_INTERVAL_DEFAULT_MS,
      min: PING_INTERVAL_MIN_MS,
      max: PING_INTERVAL_MAX_MS,
      description: "Time between two packets",
    },
    network: {
      kind: "text",
      value: "NET",
      config: "",
      holds: "network",
      description: "Which one, where the two share several (default: the first)",
    },
    ipv4: { kind: "flag", short: "4", description: "By IPv4 (default, where both have it)" },
    ipv6: { kind: "flag", short: "6", description: "By IPv6" },
  },
  async run(context) {
    const { "all-pairs": network } = context.options
    const { from, to } = context.arguments
    if (network !== undefined) {
      if (from !== undefined || context.options.network !== undefined)
        throw usageError("argument_unexpected", "ping: --all-pairs takes a network and no names", ALL_PAIRS_CALL)
      return pingNetwork(context, network)
    }
    if (from !== undefined && to !== undefined) return pingOne(context, from, to)
    const missing = from === undefined ? "FROM and TO are" : "TO is"
    throw usageError("argument_missing", `ping: ${missing} missing`, `ovl ping FROM TO, or ${ALL_PAIRS_CALL}`)
  },
})

type Speaking = "line" | "document" | "answer" | "report" | "style" | "errorStyle"
type Asking = Pick<Context, Speaking | "client" | "settings" | "io" | "sleep"> & {
  options: { count?: number; interval: number; network?: string; ipv4: boolean; ipv6: boolean }
}

async function pingOne(context: Asking, from: string, to: string): Promise<number> {
  const { count = PING_COUNT_DEFAULT, interval: intervalMs, network } = context.options
  const wish = { from, to, network, family: familyOf(context), count, intervalMs }
  const ms = (count - 1) * intervalMs
  if (ms > PING_DURATION_MAX_MS)
    throw usageError(
      "ping_too_long",
      `ping: ${count} packets, one each ${intervalMs} ms, take ${Math.ceil(ms / 1_000)} s`,
      `at most ${PING_DURATION_MAX_MS / 1_000} s: ask for fewer with -c, or a shorter time between them with -i`,
    )
  const client = await context.client()
  const { packetsLost, pingHeading, pingSum, replyText } = await import("../render/ping.ts")
  const { json } = context.settings
  let view: PingView | null = null
  const shown = new Set<number>()
  const show = (reply: PingReply) => {
    if (!shown.has(reply.seq)) context.line(replyText(reply, context.style))
    shown.add(reply.seq)
  }
  for await (const line of client.pingLines(wish)) {
    if ("view" in line) view = line.view
    else if (json) continue
    else if ("pair" in line) context.line(pingHeading(line.pair, context.style))
    else show(line.reply)
  }
  if (view === null) throw answerCut()
  if (json) context.document(view)
  else {
    // Those without an answer, and all that came with another node's report.
    for (const reply of view.replies) show(reply)
    context.line(pingSum(view, context.style))
  }
  const lost = packetsLost(view)
  if (lost !== null) context.report(lost)
  return lost?.exitStatus ?? 0
}

async function pingNetwork(context: Asking, network: string): Promise<number> {
  const { count = PAIR_COUNT, interval: intervalMs } = context.options
  const hint = "leave it out, or ping single pairs: ovl ping FROM TO"
  if (count > PING_PAIR_COUNT_MAX)
    throw usageError("ping_too_long", `ping: with --all-pairs at most ${PING_PAIR_COUNT_MAX} packets each`, hint)
  if (intervalMs > PING_PAIR_INTERVAL_MAX_MS)
    throw usageError("ping_too_long", "ping: with --all-pairs at most 1s between two packets", hint)
  const client = await context.client()
  const asked = client.pingNetwork(network, { count, intervalMs, family: familyOf(context) })
  const view = await patiently(context, asked, `pinging all pairs of ${network}`)
  const { pairsLost, pingMatrix } = await import("../render/ping.ts")
  context.answer(view, () => pingMatrix(view, context.style))
  const lost = pairsLost(view)
  if (lost !== null) context.report(lost)
  return lost?.exitStatus ?? 0
}

function answerCut(): OvlError {
  return new OvlError("connection_lost", "ping: the daemon broke off before the end: it may have ended", {
    kind: "unavailable",
    hint: "see `ovl status`",
  })
}

function familyOf({ options: { ipv4, ipv6 } }: Asking): 4 | 6 | undefined {
  if (ipv4 && ipv6) throw usageError("options_conflict", "ping: -4 and -6 exclude each other", "give one of them")
  return ipv6 ? 6 : ipv4 ? 4 : undefined
}
