/** What a check is: a name and a function that looks at one thing and says how it is. A check never changes anything. */
import { asOvlError, OvlError } from "../base/errors.ts"
import type { CheckLevel, DoctorCheck } from "../model/doctor.ts"
import type { Patient } from "./patient.ts"

export interface Finding {
  /** Where a check looks at several things; else the check's own. */
  name?: string
  level: CheckLevel
  detail: string
  hint?: string
}

export interface Check {
  name: string
  /** Finds out nothing where it does not apply. May throw what the world says: then it could not look. */
  look(patient: Patient): Finding[] | Promise<Finding[]>
}

export const ok = (detail: string, name?: string): Finding => ({ level: "ok", detail, name })
export const warning = (detail: string, hint: string, name?: string): Finding => ({
  level: "warning",
  detail,
  hint,
  name,
})
export const failed = (detail: string, hint: string, name?: string): Finding => ({
  level: "failed",
  detail,
  hint,
  name,
})
export const skipped = (detail: string, hint = "", name?: string): Finding => ({ level: "skipped", detail, hint, name })

/** Never rejects: what keeps a check from looking is what it found. */
export async function carryOut(check: Check, patient: Patient): Promise<DoctorCheck[]> {
  const findings = await Promise.try(() => check.look(patient)).catch((thrown: unknown) => [couldNotLook(thrown)])
  return findings.map(({ name = check.name, level, detail, hint = "" }) => ({
    name,
    ok: level !== "failed",
    level,
    detail,
    hint,
  }))
}

function couldNotLook(thrown: unknown): Finding {
  const error = asOvlError(thrown)
  if (error instanceof OvlError && error.kind === "forbidden")
    return skipped("not looked at: root is needed", "run `ovl doctor` as root")
  return warning(`cannot be looked at: ${error.message}`, error.hint)
}
