/**
 * Runs every command of docs/first-day.md and says where its output differs from the page; `--write` renews those
 * outputs on the page, and leaves alone what differs only in what is volatile. It needs root and `dist/ovl`.
 *
 *   bun scripts/first-day.ts [--write]
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parsePage, withOutputs } from "../test/support/console-page.ts"
import { differences, runPage } from "../test/support/page-runner.ts"

const FILE = join(resolve(import.meta.dir, ".."), "docs/first-day.md")

const page = parsePage(readFileSync(FILE, "utf8"))
const results = await runPage(page)
const changed = results.filter(({ same }) => !same)
console.log(differences(results))
if (process.argv.includes("--write")) {
  writeFileSync(FILE, withOutputs(page, new Map(changed.map(({ command, said }) => [command, said]))))
  console.log(`docs/first-day.md: ${changed.length} of ${results.length} outputs renewed`)
} else {
  console.log(`docs/first-day.md: ${results.length - changed.length} outputs as shown, ${changed.length} different`)
  process.exitCode = changed.length === 0 ? 0 : 1
}
