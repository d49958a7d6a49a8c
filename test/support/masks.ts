/**
 * What differs from one run of docs/first-day.md to the next, or from one machine to another. Each kind has a name, and
 * both the page and what was really said go through all of them, in this order, before they are compared. Whatever is
 * not here must be on the page as it comes.
 */

export interface Mask {
  name: string
  pattern: RegExp
}

export const MASKS: readonly Mask[] = [
  { name: "time", pattern: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g },
  // Ids of networks and clusters, and the hidden namespaces that are called after them.
  { name: "id", pattern: /\b[0-9a-f]{10,64}\b/g },
  { name: "duration", pattern: /\bjust now\b|(?<![\w.])[\d./]+ (?:ms|milliseconds?|seconds?|minutes?)\b(?: ago)?/g },
  // Milliseconds without their unit, in the table of `ovl ping --all-pairs`.
  { name: "figure", pattern: /(?<![\w.])\d+\.\d{1,3}(?![\w./])/g },
  { name: "pid", pattern: /(?<=\bpid |\brunning +)\d+/g },
  // In `ovl lab ls`, where the last column is one.
  { name: "daemon", pattern: /(?<=^[\w-]+ +[\w-]+ +)\d+$/gm },
  { name: "raft", pattern: /(?<=\b(?:term|index) )\d+/g },
  // Of two servers that are left, either may win.
  { name: "leader", pattern: /\bn[23](?= leads)/g },
]

/** Columns are as wide as what is in them: more than one blank counts as two. But a caret points at a column. */
const COLUMN_GAP = / {2,}(?=[^ ^])/g

/** Lines in the form in which they are compared: every mask's match by its name, and nothing at the lines' ends. */
export function masked(text: string): string {
  const replaced = MASKS.reduce((said, { name, pattern }) => said.replace(pattern, `<${name}>`), text)
  return replaced
    .split("\n")
    .map((line) => line.trimEnd().replace(COLUMN_GAP, "  "))
    .join("\n")
}
