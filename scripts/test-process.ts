/**
 * Runs test files in a process of `bun test` and says honestly what came of it. The report that the process writes is
 * what counts; whatever is not in it did not pass: a file that cannot be loaded, one without a test, a process that
 * was killed or ended itself.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** One line for each failure. */
  failures: string[]
}

export interface TestProcess {
  /** Where the files are; paths in `files` and in the result are relative to it. */
  root: string
  files: string[]
  /** One test may last this long. */
  testTimeoutMs: number
  /** The process is killed after this. */
  processTimeoutMs: number
  /** Shows every test, not only the failed ones. */
  verbose: boolean
  /** Where the output goes. */
  output: "inherit" | "ignore"
}

export function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, failures: [] }
}

export function addTally(into: Tally, more: Tally): void {
  into.passed += more.passed
  into.failed += more.failed
  into.skipped += more.skipped
  into.failures.push(...more.failures)
}

/** The contract's last line. */
export function totalsLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`
}

/** Runs the files in one process that has a temporary directory of its own. */
export async function runTestProcess(options: TestProcess): Promise<Tally> {
  const scratch = mkdtempSync(join(tmpdir(), "ovl-test-"))
  const report = join(scratch, "report.xml")
  const ending = await spawnTests(options, scratch, report)
  const tally = tallyOf(options.files, existsSync(report) ? readFileSync(report, "utf8") : "", ending)
  // Nothing is removed through a mount that a test left inside: it leads out of the directory.
  if (readFileSync("/proc/self/mountinfo", "utf8").includes(` ${scratch}/`)) {
    tally.failed += 1
    tally.failures.push(`${options.files.join(" ")}: left a mount below ${scratch}`)
  } else rmSync(scratch, { recursive: true, force: true })
  return tally
}

/** Null when the process ended with status 0, or how it ended instead. */
async function spawnTests(options: TestProcess, scratch: string, report: string): Promise<string | null> {
  const child = Bun.spawn(
    [
      process.execPath,
      "test",
      `--timeout=${options.testTimeoutMs}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...(options.verbose ? [] : ["--only-failures"]),
      ...options.files.map((file) => `./${file}`),
    ],
    {
      cwd: options.root,
      env: {
        ...process.env,
        TMPDIR: scratch,
        PATH: [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/sbin"].join(delimiter),
      },
      stdin: "ignore",
      stdout: options.output,
      stderr: options.output,
    },
  )
  let late = false
  const watchdog = setTimeout(() => {
    late = true
    child.kill("SIGKILL")
  }, options.processTimeoutMs)
  await child.exited
  clearTimeout(watchdog)
  if (late) return `took longer than ${options.processTimeoutMs / 1000} s and was killed`
  if (child.signalCode) return `ended by ${child.signalCode}`
  return child.exitCode === 0 ? null : `ended with status ${child.exitCode}`
}

/**
 * Counts what the JUnit `report` says of `files`. `ending` is null for a process that ended well; a bad end that
 * the report does not explain is a failure of its own.
 */
export function tallyOf(files: string[], report: string, ending: string | null): Tally {
  const totals = /<testsuites [^>]*>/.exec(report)?.[0] ?? ""
  const count = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(totals)?.[1] ?? 0)
  const failed = count("failures")
  const skipped = count("skipped")
  const tally = { passed: count("tests") - failed - skipped, failed, skipped, failures: failedTests(report) }

  const reported = new Set([...report.matchAll(/^ {2}<testsuite name="[^"]*" file="([^"]*)"/gm)].map((m) => m[1]))
  const why = ending === null ? "there is no test in it" : `not loaded, or not run to its end (bun test ${ending})`
  for (const file of files.filter((each) => !reported.has(each))) {
    tally.failed += 1
    tally.failures.push(`${file}: ${why}`)
  }
  if (ending !== null && tally.failed === 0) {
    tally.failed += 1
    tally.failures.push(`${files.join(" ")}: bun test ${ending}`)
  }
  return tally
}

function failedTests(report: string): string[] {
  const cases = report.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*file="([^"]*)"[^>]*[^/]>\s*<failure/g)
  return [...cases].map(
    ([, name, group, file]) => `${file}: ${[group, name].filter(Boolean).map(readEntities).join(" > ")}`,
  )
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

function readEntities(text: string | undefined): string {
  return (text ?? "").replaceAll(/&(?:#(\d+)|(\w+));/g, (whole, code, name) =>
    code ? String.fromCodePoint(Number(code)) : (ENTITIES[name] ?? whole),
  )
}
