/** The results as a table for people, in the terminal and in the README, with what they were measured on. */
import { readFileSync, writeFileSync } from "node:fs"
import { cpus, release } from "node:os"
import type { Row } from "./benchmark.ts"

const START = "<!-- bench:start -->"
const END = "<!-- bench:end -->"
const HEADINGS = ["what", "ovl", "beside it", "compared", "to reach", ""]

/** What this was measured on. */
export interface Host {
  cpu: string
  cores: number
  kernel: string
}

export function thisHost(): Host {
  const all = cpus()
  return { cpu: all[0]?.model.trim() ?? "unknown", cores: all.length, kernel: release() }
}

export function describeHost({ cpu, cores, kernel }: Host): string {
  return `${cpu}, ${cores} cores, Linux ${kernel}`
}

function cells(row: Row): string[] {
  return [row.what, row.ovl, row.reference, row.comparison, row.goal, row.reached ? "reached" : "missed"]
}

export function textTable(rows: readonly Row[]): string {
  const table = [HEADINGS, ...rows.map(cells)]
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  return table
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

export function markdownTable(rows: readonly Row[]): string {
  const table = [HEADINGS, HEADINGS.map(() => "---"), ...rows.map(cells)]
  return table.map((line) => `| ${line.join(" | ")} |`).join("\n")
}

/** Puts the table between the two marks of a README. Throws where they are missing. */
export function writeReadme(path: string, rows: readonly Row[], host: Host, date: string): void {
  const text = readFileSync(path, "utf8")
  const [start, end] = [text.indexOf(START), text.indexOf(END)]
  if (start < 0 || end < start) throw new Error(`${path}: there is no ${START} with ${END} after it`)
  const measured = `Measured on ${date}: ${describeHost(host)}. Medians of one run of \`make bench\`.`
  const block = `${START}\n${markdownTable(rows)}\n\n${measured}\n`
  writeFileSync(path, text.slice(0, start) + block + text.slice(end))
}
