/**
 * `make check`: what can be said of the sources without running them. One line for each check, and under a failed one
 * what it found. `scripts/test.ts` runs the same checks and counts each as a test.
 */
import { readFileSync, statSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { ROOT } from "./compile.ts"
import { checkTree, describe } from "./layering.ts"
import { lockfileProblems, readLockfile } from "./lockfile.ts"
import { staleReference } from "./reference.ts"

export interface Check {
  name: string
  /** What is wrong, ready to be printed; empty when nothing is. */
  findings: () => Promise<string> | string
}

export interface CheckResult {
  name: string
  ok: boolean
  findings: string
  seconds: number
}

const TEXT_FILE_MAX_BYTES = 1_000_000

/** Runs a tool of ours from `node_modules`, with this runtime; its output is the finding when it fails. */
async function tool(script: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, join(ROOT, "node_modules", script), ...args], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return status === 0 ? "" : `${out}${err}`.trim() || `${script} ended with status ${status}`
}

const CHECKS: Check[] = [
  {
    name: "format and lint",
    findings: () => tool("@biomejs/biome/bin/biome", "check", "--error-on-warnings", "--max-diagnostics=30", "."),
  },
  { name: "types", findings: () => tool("typescript/bin/tsc", "--noEmit", "--project", ".") },
  { name: "layering", findings: () => checkTree(ROOT).map(describe).join("\n") },
  { name: "lockfile", findings: () => lockfileProblems(readLockfile(ROOT)).join("\n") },
  { name: "reference", findings: () => staleReference(ROOT).join("\n") },
  { name: "no local paths", findings: () => localPaths(ROOT).join("\n") },
]

/** The files that belong to the project: all but what is installed, built, cached or git's own. */
function projectFiles(root: string): string[] {
  const paths = [...new Bun.Glob("**/*").scanSync({ cwd: root, dot: true, onlyFiles: true })]
  return paths.filter((path) => !/^(node_modules|dist|\.git|\.cache)\//.test(path) && !path.endsWith(".log")).sort()
}

const SHARED_PLACES = [
  "/",
  "/tmp",
  "/root",
  "/home",
  "/usr",
  "/usr/src",
  "/usr/local",
  "/usr/local/src",
  "/opt",
  "/srv",
]

/** Where this checkout happens to be: its own directory, the one above it, somebody's home. */
function placesHere(root: string): string[] {
  return [root, dirname(root), homedir()].filter((place) => !SHARED_PLACES.includes(place))
}

/** Lines of the project's files that name one of the `places`: such a path is right on one machine only. */
export function localPaths(root: string, places: string[] = placesHere(root)): string[] {
  const patterns = places.map(
    (place) => new RegExp(`(?<![\\w.*-])${place.replaceAll(/[.*+?^$()[\]{}|\\]/g, "\\$&")}(?![\\w-])`),
  )
  return projectFiles(root)
    .filter((path) => statSync(join(root, path)).size <= TEXT_FILE_MAX_BYTES)
    .flatMap((path) =>
      readFileSync(join(root, path), "utf8")
        .split("\n")
        .flatMap((line, index) =>
          patterns.some((pattern) => pattern.test(line))
            ? [`${path}:${index + 1}: names a local path: ${line.trim()}`]
            : [],
        ),
    )
}

/** Runs every check, one after another, and prints each result as it comes. */
export async function runChecks(): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  for (const { name, findings } of CHECKS) {
    const started = performance.now()
    let found: string
    try {
      found = await findings()
    } catch (error) {
      found = error instanceof Error ? (error.stack ?? error.message) : String(error)
    }
    const result = { name, ok: found === "", findings: found, seconds: (performance.now() - started) / 1000 }
    console.log(`${result.ok ? "ok    " : "FAILED"}  ${name.padEnd(16)} ${result.seconds.toFixed(2)} s`)
    if (!result.ok) console.log(found)
    results.push(result)
  }
  return results
}

if (import.meta.main) {
  const failed = (await runChecks()).filter((result) => !result.ok).length
  console.log(failed === 0 ? "check: all is well" : `check: ${failed} of ${CHECKS.length} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
