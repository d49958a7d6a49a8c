/** What a ping shows: a line an answer and the sum, or a table of all pairs; and the words for what was lost. */
import { OvlError } from "../../base/errors.ts"
import type { PingNetworkView, PingPairView, PingReply, PingView } from "../../model/ping.ts"
import { isAnswered } from "../../model/ping-numbers.ts"
import type { Style } from "./style.ts"
import { count, visible } from "./text.ts"

export function pingHeading({ from, to, network }: PingPairView, style: Style): string {
  return style.bold(`${sideText(from)} to ${sideText(to)}${network === null ? "" : ` on ${network}`}`)
}

function sideText({ name, node, ip }: PingView["to"]): string {
  if (name === null) return ip
  return node === null ? `${name} (${ip})` : `${name} (${ip}, ${node})`
}

export function replyText({ seq, ms, why }: PingReply, style: Style): string {
  return ms === null ? `seq=${seq} ${style.bad(visible(why ?? "no answer"))}` : `seq=${seq} time=${msText(ms)} ms`
}

export function pingSum({ sent, received, lossPercent, min, avg, max, problem }: PingView, style: Style): string {
  if (problem !== null) return `${style.bad("nothing was sent")}: ${visible(problem)}`
  const sum = `${sent} sent, ${received} answered, ${lossPercent}% lost`
  if (min === null || avg === null || max === null) return sum
  return `${sum}; min/avg/max ${msText(min)}/${msText(avg)}/${msText(max)} ms`
}

/** Three digits that count: `0.412`, `3.21`, `102`. */
function msText(ms: number): string {
  return ms < 1 ? ms.toFixed(3) : ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : String(Math.round(ms))
}

/** Null where every packet was answered. */
export function packetsLost(view: PingView): OvlError | null {
  if (isAnswered(view)) return null
  const { from, to, problem } = view
  const name = to.name ?? to.ip
  const why = problem ?? lostText(view)
  return new OvlError("packets_lost", `ping from ${from.name} to ${name}: ${why}`, { hint: hintFor(view) })
}

function lostText({ sent, received, replies }: PingView): string {
  if (received === 0) {
    const said = new Set(replies.flatMap(({ why }) => why ?? []))
    const none = sent === 1 ? "the only packet was not answered" : `none of ${sent} packets were answered`
    return [none, ...said].join(": ")
  }
  const lost = replies.flatMap(({ seq, ms }) => (ms === null ? [seq] : []))
  return `${lost.length} of ${sent} packets were not answered: seq ${numbersText(lost)}`
}

/** `1, 3-5`. */
function numbersText(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = []
  for (const each of numbers) {
    const run = runs.at(-1)
    if (run && run[1] === each - 1) run[1] = each
    else runs.push([each, each])
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(", ")
}

function hintFor({ from, to, problem }: PingView): string {
  if (problem !== null) return "`ovl node ls` shows who is heard from, `ovl endpoint inspect` how the endpoint is"
  if (to.node === null) return "is somebody there, and does the way back lead here?"
  if (to.node === from.node)
    return `does ${to.name} answer pings at all? \`ovl status\` on ${from.node} says how its kernel is`
  return `\`ovl doctor\` on ${from.node} tries the way to ${to.node}, and says what passes`
}

const COLUMNS_PER_BLOCK = 10
const CELL_WIDTH = 6

/** Rows ping columns. Columns are numbered as the rows are, so that names of any length fit. */
export function pingMatrix(view: PingNetworkView, style: Style): string {
  const names = [...new Set(view.pairs.map(({ from }) => from.name))]
  if (names.length === 0) return `network ${view.network} has fewer than two endpoints: nobody to ping\n`
  const cells = new Map(view.pairs.map((pair) => [`${pair.from.name} ${pair.to.name}`, pair]))
  const width = Math.max(...names.map((name) => name.length))
  const digits = String(names.length).length
  const blocks: string[] = []
  for (let start = 0; start < names.length; start += COLUMNS_PER_BLOCK) {
    const columns = names.slice(start, start + COLUMNS_PER_BLOCK)
    const heading = columns.map((_, at) => String(start + at + 1).padStart(CELL_WIDTH)).join(" ")
    const rows = names.map((from, at) => {
      const row = columns.map((to) => cellText(cells.get(`${from} ${to}`), style)).join(" ")
      return `${String(at + 1).padStart(digits)} ${from.padEnd(width)} ${row}\n`
    })
    blocks.push(`${" ".repeat(digits + 1 + width)} ${heading}\n${rows.join("")}`)
  }
  const sum = `${count(view.pairs.length, "pair")}, ${view.failed} with losses; times in ms, from the row to the column\n`
  return `${blocks.join("\n")}${sum}`
}

function cellText(pair: PingView | undefined, style: Style): string {
  if (!pair) return "-".padStart(CELL_WIDTH)
  const { avg, lossPercent } = pair
  if (isAnswered(pair) && avg !== null) return msText(avg).padStart(CELL_WIDTH)
  return style.bad((avg === null ? "lost" : `${Math.round(lossPercent)}%`).padStart(CELL_WIDTH))
}

const PAIRS_NAMED_MAX = 10

/** Null where every packet of every pair was answered. */
export function pairsLost({ network, pairs, failed }: PingNetworkView): OvlError | null {
  if (failed === 0) return null
  const broken = pairs.filter((pair) => !isAnswered(pair))
  const named = broken
    .slice(0, PAIRS_NAMED_MAX)
    .map((pair) => `\n  ${pair.from.name} to ${pair.to.name}: ${shortWhy(pair)}`)
  const more = broken.length > PAIRS_NAMED_MAX ? `\n  and ${broken.length - PAIRS_NAMED_MAX} more` : ""
  const between = new Set(broken.map(({ from, to }) => `${from.node} and ${to.node}`))
  const [first] = broken
  return new OvlError(
    "packets_lost",
    `ping of all pairs of ${network}: ${failed} of ${count(pairs.length, "pair")} lost packets:${named.join("")}${more}`,
    { hint: between.size === 1 ? hintFor(first!) : "`ovl doctor` on each node tries the ways to all the others" },
  )
}

function shortWhy({ problem, sent, received, from, to }: PingView): string {
  const way = from.node === to.node ? `on ${from.node}` : `${from.node} to ${to.node}`
  return visible(problem ?? `${sent - received} of ${sent} lost, ${way}`)
}
