/** Start-up is a few milliseconds only as long as nothing heavy is imported before it is needed. */
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

const SOURCE = join(import.meta.dir, "..")
const transpiler = new Bun.Transpiler({ loader: "ts" })

/** Everything that is loaded together with `entry`: static imports only, types left out. */
function loadedWith(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen
  seen.add(entry)
  for (const { path, kind } of transpiler.scanImports(readFileSync(entry, "utf8"))) {
    if (kind !== "import-statement") continue
    if (path.startsWith(".")) loadedWith(join(dirname(entry), path), seen)
    else seen.add(path)
  }
  return seen
}

function namesOf(loaded: Set<string>): string[] {
  return [...loaded].map((path) => (path.startsWith("/") ? relative(SOURCE, path) : path))
}

test("main.ts itself loads next to nothing", () => {
  expect(namesOf(loadedWith(join(SOURCE, "main.ts"))).sort()).toEqual(["base/errors.ts", "cli/hidden.ts", "main.ts"])
})

test.each(["cli/run.ts", "cli/world.ts", "client/client.ts"])("%s loads nothing heavy", (entry) => {
  expect(existsSync(join(SOURCE, entry))).toBe(true)
  const loaded = namesOf(loadedWith(join(SOURCE, entry)))
  const packages = loaded.filter((name) => !name.endsWith(".ts") && !name.startsWith("node:"))
  expect(packages.filter((name) => name !== "cac" && name !== "picocolors")).toEqual([])
  const floors = new Set(loaded.filter((name) => name.includes("/")).map((name) => name.split("/")[0]))
  for (const floor of floors) expect(["base", "cli", "client"]).toContain(floor!)
})
