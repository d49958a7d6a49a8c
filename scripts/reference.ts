/**
 * Writes `docs/reference/`: what the tables of commands, codes and events say, as pages. Nothing in them depends on the
 * time, the machine or the version, so `make check` can tell when they are stale. `make reference` writes them anew.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "./compile.ts"
import { commandPages, indexPage } from "./reference/commands.ts"
import { configurationPage } from "./reference/configuration.ts"
import { errorsPage, eventsPage } from "./reference/tables.ts"

const FOLDER = "docs/reference"

/** The pages by their file's name. */
export function referencePages(): Map<string, string> {
  const pages = commandPages()
  pages.set("configuration.md", configurationPage())
  pages.set("errors.md", errorsPage())
  pages.set("events.md", eventsPage())
  pages.set("README.md", indexPage([...pages.keys()]))
  return pages
}

/** What in the folder is not as it would be written now, a line each. */
export function staleReference(root: string): string[] {
  const folder = join(root, FOLDER)
  const pages = referencePages()
  const there = existsSync(folder) ? readdirSync(folder) : []
  const stale = [...pages].flatMap(([name, text]) => {
    if (!there.includes(name)) return [`${FOLDER}/${name}: missing`]
    return readFileSync(join(folder, name), "utf8") === text ? [] : [`${FOLDER}/${name}: not up to date`]
  })
  const foreign = there.filter((name) => !pages.has(name)).map((name) => `${FOLDER}/${name}: of no command any more`)
  const found = [...stale, ...foreign]
  return found.length > 0 ? [...found, "`make reference` writes these pages anew"] : []
}

function writeReference(root: string): void {
  const folder = join(root, FOLDER)
  const pages = referencePages()
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(join(folder, name))
  for (const [name, text] of pages) writeFileSync(join(folder, name), text)
  console.log(`${FOLDER}: ${pages.size} pages`)
}

if (import.meta.main) writeReference(ROOT)
