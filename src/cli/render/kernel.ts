/** A network as this node's kernel has it, in lines for whoever knows `ip` and `bridge`. */
import { KERNEL_ROWS_SHOWN_MAX } from "../../base/limits.ts"
import { KERNEL_OBJECTS, KERNEL_STATES, type KernelRow, type KernelView } from "../../model/kernel-view.ts"
import type { NetworkView } from "../../model/network.ts"
import { type Column, table } from "./text.ts"

interface Line {
  state: string
  object: string
  device: string
  endpoint: string
  text: string
}

const COLUMNS: readonly Column<Line>[] = [
  { title: "STATE", text: (line) => line.state },
  { title: "OBJECT", text: (line) => line.object },
  { title: "DEVICE", text: (line) => line.device },
  { title: "ENDPOINT", text: (line) => line.endpoint },
  { title: "IN THE KERNEL", text: (line) => line.text },
]

/**
 * A line of sums, then a line for each object, `missing` ones as they should be; what `differs` has a second line with
 * that. Of each kind at most KERNEL_ROWS_SHOWN_MAX are shown, those first with which something is wrong.
 */
export function kernelText({ name, kernel }: Pick<NetworkView, "name" | "kernel">): string {
  if (!kernel) return `${name}: this node has no part in it\n`
  const lines = KERNEL_OBJECTS.flatMap((object) => linesOf(kernel.rows.filter((row) => row.object === object)))
  return `${name}: ${sums(kernel.rows)}\n${table(COLUMNS, lines)}`
}

function linesOf(rows: readonly KernelRow[]): Line[] {
  const wrong = rows.filter(({ state }) => state !== "ok")
  const ordered = rows.length > KERNEL_ROWS_SHOWN_MAX ? [...wrong, ...rows.filter(({ state }) => state === "ok")] : rows
  const lines = ordered.slice(0, KERNEL_ROWS_SHOWN_MAX).flatMap(lineOf)
  const rest = ordered.slice(KERNEL_ROWS_SHOWN_MAX)
  const [first] = rest
  if (first)
    lines.push({ ...EMPTY, state: "...", object: first.object, text: `and ${rest.length} more: ${sums(rest)}` })
  return lines
}

const EMPTY: Line = { state: "", object: "", device: "", endpoint: "", text: "" }

function lineOf({ state, object, device, endpoint, expected, found }: KernelRow): Line[] {
  const line = { state, object, device, endpoint: endpoint ?? "-", text: found ?? expected ?? "" }
  return state === "differs" ? [line, { ...EMPTY, text: `expected ${expected}` }] : [line]
}

/** `12 ok, 1 missing`. */
function sums(rows: KernelView["rows"]): string {
  const counts = KERNEL_STATES.map((state) => [rows.filter((row) => row.state === state).length, state] as const)
  return counts
    .filter(([n]) => n > 0)
    .map(([n, state]) => `${n} ${state}`)
    .join(", ")
}
