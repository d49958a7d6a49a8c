import { expect, test } from "bun:test"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { referencePages, staleReference } from "../scripts/reference.ts"
import { allCodes } from "../src/base/codes/codes.ts"
import { EVENT_TYPES } from "../src/base/event-types.ts"
import { callOf, variableOf } from "../src/cli/command.ts"
import { COMMANDS } from "../src/cli/registry.ts"

const pages = referencePages()
const all = [...pages.values()].join("\n")

test("every command, option, code and event has its place", () => {
  for (const command of COMMANDS) expect(all).toContain(`\n## ${callOf(command)}\n`)
  const options = COMMANDS.flatMap((command) => Object.entries(command.options).filter(([, one]) => !one.unavailable))
  for (const [name] of options) expect(pages.get("configuration.md")! + all).toContain(`\`${variableOf(name)}\``)
  for (const code of allCodes()) expect(pages.get("errors.md")).toContain(`\n| \`${code}\` |`)
  for (const type of EVENT_TYPES) expect(pages.get("events.md")).toContain(`\n| \`${type}\` |`)
})

test("links lead to a page and a heading of it", () => {
  for (const [name, text] of pages)
    for (const [, file, anchor] of text.matchAll(/\]\(([\w-]+\.md)?(?:#([\w-]+))?\)/g)) {
      const page = pages.get(file ?? name)
      expect(page, `${file} in ${name}`).toBeDefined()
      const headings = [...page!.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!.toLowerCase().replaceAll(" ", "-"))
      if (anchor !== undefined) expect(headings, name).toContain(anchor)
    }
})

test("pages that are stale, missing or too many are told", () => {
  const root = mkdtempSync(join(tmpdir(), "ovl-reference-"))
  const folder = join(root, "docs/reference")
  try {
    expect(staleReference(root)).toContain("docs/reference/network.md: missing")
    mkdirSync(folder, { recursive: true })
    for (const [name, text] of pages) writeFileSync(join(folder, name), text)
    expect(staleReference(root)).toEqual([])
    writeFileSync(join(folder, "network.md"), `${pages.get("network.md")} `)
    rmSync(join(folder, "kv.md"))
    cpSync(join(folder, "errors.md"), join(folder, "old.md"))
    expect(staleReference(root)).toEqual(
      [
        "docs/reference/kv.md: missing",
        "docs/reference/network.md: not up to date",
        "docs/reference/old.md: of no command any more",
        "`make reference` writes these pages anew",
      ].sort((a, b) => order(a) - order(b)),
    )
    expect(readdirSync(folder).length).toBe(pages.size)
    expect(readFileSync(join(folder, "events.md"), "utf8")).toBe(pages.get("events.md")!)
  } finally {
    rmSync(root, { recursive: true })
  }
})

/** In the order of the pages; what is of no page, and the advice, last. */
function order(line: string): number {
  const at = [...pages.keys()].findIndex((name) => line.includes(`/${name}:`))
  return at < 0 ? (line.startsWith("`") ? 1_001 : 1_000) : at
}
