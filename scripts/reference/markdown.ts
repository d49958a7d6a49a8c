/** The few forms of Markdown that the reference pages are made of. */

/** Said at the head of each page. */
export const GENERATED =
  "<!-- Written by scripts/reference.ts from the sources: change them, then `make reference`. -->"

/** Text as it is meant: a placeholder such as `<workload>` is no HTML, a bar ends no cell. What is in backticks stays. */
export function prose(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replaceAll("<", "&lt;").replaceAll("*", "\\*")))
    .join("")
}

export function code(text: string): string {
  return `\`${text}\``
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

export function block(language: string, lines: readonly string[]): string {
  return [`\`\`\`${language}`, ...lines, "```"].join("\n")
}

/** Parts with an empty line between them; empty ones are left out. */
export function page(...parts: readonly string[]): string {
  return `${[GENERATED, ...parts].filter((part) => part !== "").join("\n\n")}\n`
}
