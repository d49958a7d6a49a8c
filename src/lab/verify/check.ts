/**
 * What a check is: a name, and something that looks and notes what it saw. A check that throws has failed, with the
 * reason; one that saw nothing has failed too.
 */
import { asOvlError } from "../../base/errors.ts"
import type { LabCheck } from "../../model/lab.ts"

export interface Check {
  name: string
  look(findings: Findings): Promise<void> | void
}

/** What one check saw: facts as they should be, and what is wrong. */
export class Findings {
  readonly #seen: string[] = []
  readonly #wrong: string[] = []

  seen(fact: string): void {
    this.#seen.push(fact)
  }

  wrong(fact: string): void {
    this.#wrong.push(fact)
  }

  /** A fact that must hold; `otherwise` says what was seen where it does not. */
  expect(holds: boolean, fact: string, otherwise: string): void {
    if (holds) this.seen(fact)
    else this.wrong(otherwise)
  }

  /** Two lists of rows that must be the same, none of them twice; the order does not count. */
  expectRows(what: string, actual: readonly string[], expected: readonly string[]): void {
    const missing = expected.filter((row) => !actual.includes(row))
    const foreign = actual.filter((row) => !expected.includes(row))
    for (const row of missing) this.wrong(`${what}: missing: ${row}`)
    for (const row of foreign) this.wrong(`${what}: should not be there: ${row}`)
    if (missing.length + foreign.length > 0) return
    if (actual.length !== expected.length)
      return this.wrong(`${what}: ${actual.length} rows, not ${expected.length}: ${actual.join(", ")}`)
    this.seen(`${what}: ${actual.length === 0 ? "none" : [...actual].sort().join(", ")}`)
  }

  result(name: string): LabCheck {
    if (this.#wrong.length > 0) return { name, ok: false, detail: this.#wrong.join("; ") }
    if (this.#seen.length === 0) return { name, ok: false, detail: "there was nothing to look at" }
    return { name, ok: true, detail: this.#seen.join("; ") }
  }
}

/** Runs checks side by side; the results come in the order of the checks. */
export function runChecks(checks: readonly Check[]): Promise<LabCheck[]> {
  return Promise.all(checks.map(runCheck))
}

async function runCheck(check: Check): Promise<LabCheck> {
  const findings = new Findings()
  try {
    await check.look(findings)
  } catch (error) {
    findings.wrong(asOvlError(error, "could not look").message)
  }
  return findings.result(check.name)
}
