/**
 * `make test`: the checks, the unit tests, then everything that spans modules or needs a kernel. The last line is
 * `N passed, N failed, N skipped`, where each check counts as a test.
 *
 * Unit tests share one process. A file below `test/` has one of its own, one after another: what changes namespaces,
 * mounts or calls foreign functions must not disturb the next, nor take its results with it when it crashes.
 *
 *   bun scripts/test.ts [TEXT...]      only files whose path contains one of the texts, and no checks
 */
import { runChecks } from "./check.ts"
import { ROOT } from "./compile.ts"
import { addTally, emptyTally, runTestProcess, type Tally, totalsLine } from "./test-process.ts"

const TEST_TIMEOUT_MS = 30_000
const PROCESS_TIMEOUT_MS = 900_000
/** Quick and general first; the whole program last. */
const ORDER = ["test/contract/", "test/sim/", "test/powercut/", "test/netns/", "test/e2e/", "test/chaos/"]

function testFiles(below: string, wanted: string[]): string[] {
  const paths = [...new Bun.Glob(`${below}/**/*.test.{ts,tsx}`).scanSync({ cwd: ROOT })]
  return paths.filter((path) => wanted.length === 0 || wanted.some((text) => path.includes(text))).sort()
}

function rank(path: string): number {
  return ORDER.findIndex((folder) => path.startsWith(folder))
}

async function checks(): Promise<Tally> {
  const results = await runChecks()
  const failures = results.filter((result) => !result.ok).map((result) => `check: ${result.name}`)
  return { passed: results.length - failures.length, failed: failures.length, skipped: 0, failures }
}

async function run(files: string[], verbose: boolean): Promise<Tally> {
  const limits = { testTimeoutMs: TEST_TIMEOUT_MS, processTimeoutMs: PROCESS_TIMEOUT_MS }
  return await runTestProcess({ root: ROOT, files, verbose, output: "inherit", ...limits })
}

async function main(wanted: string[]): Promise<Tally> {
  const total = emptyTally()
  if (wanted.length === 0) addTally(total, await checks())

  const unit = [...testFiles("src", wanted), ...testFiles("scripts", wanted)]
  if (unit.length > 0) {
    console.log(`\n== unit tests: ${unit.length} files`)
    addTally(total, await run(unit, wanted.length > 0))
  }
  const spanning = testFiles("test", wanted).sort((a, b) => rank(a) - rank(b))
  for (const [index, file] of spanning.entries()) {
    console.log(`\n== ${index + 1} of ${spanning.length}: ${file}`)
    addTally(total, await run([file], true))
  }
  if (unit.length + spanning.length === 0) {
    addTally(total, { passed: 0, failed: 1, skipped: 0, failures: [`no test file matches ${wanted.join(" ")}`] })
  }
  return total
}

const notRoot = process.getuid?.() !== 0
const SKIP_NOTICE = "SKIPPED, NOT ROOT: the tests on the real kernel make network namespaces; run: sudo make test"

if (notRoot) console.log(SKIP_NOTICE)
const total = await main(process.argv.slice(2)).catch((error: Error): Tally => {
  const failures = [`the test runner itself: ${error.stack ?? error.message}`]
  return { passed: 0, failed: 1, skipped: 0, failures }
})
console.log("")
for (const failure of total.failures) console.log(`failed: ${failure}`)
if (notRoot) console.log(SKIP_NOTICE)
console.log(totalsLine(total))
process.exitCode = total.failed === 0 ? 0 : 1
