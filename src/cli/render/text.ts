/** Small pieces of text that several commands print: tables, aligned facts, ages, and what must not reach a terminal. */

/** A column: its title, and the text of a row in it. */
export interface Column<Row> {
  title: string
  text(row: Row): string
}

const GAP = "   "

/** Aligned columns with a heading, as docker prints them; without rows, the heading alone. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map((c) => c.title), ...rows.map((row) => columns.map((c) => visible(c.text(row))))]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, at) => cell.padEnd(widths[at]!))
          .join(GAP)
          .trimEnd()}\n`,
    )
    .join("")
}

/** `name   value` lines with the values aligned. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}\n`).join("")
}

/** Control characters, which a command's words may contain, shown instead of obeyed by the terminal. */
export function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => (c === "\n" ? "\\n" : c === "\t" ? "\\t" : `\\x${hexByte(c)}`))
}

function hexByte(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, "0")
}

const DOTS = "..."

/** The text in at most `width` characters, dots in the place of what is cut off: no terminal lacks those. */
export function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - DOTS.length)).join("")}${DOTS}`
}

const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 365],
] as const

/** `3 minutes ago` or `in 23 hours`; the text itself where it is no time. */
export function ago(time: string, nowMs: number): string {
  const ms = nowMs - Date.parse(time)
  if (Number.isNaN(ms)) return time
  let count = Math.round(Math.abs(ms) / 1_000)
  let unit = "year"
  for (const [name, perNext] of STEPS) {
    if (count < perNext) {
      unit = name
      break
    }
    count = Math.round(count / perNext)
  }
  if (unit === "second" && count < 2) return "just now"
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`
  return ms >= 0 ? `${text} ago` : `in ${text}`
}

/** The first 12 digits, as docker shows identifiers. */
export function shortId(id: string): string {
  return id.slice(0, 12)
}

/** `1 network`, `2 networks`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`
}
