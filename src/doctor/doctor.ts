/** `ovl doctor`: everything that is looked at, in the order in which it is shown, and the sum. */
import type { DoctorCheck, DoctorView } from "../model/doctor.ts"
import { type Check, carryOut } from "./check.ts"
import { clock } from "./clock.ts"
import { daemon, ways } from "./cluster.ts"
import { egress } from "./egress.ts"
import { flavour, foreignRules } from "./firewall.ts"
import { kernelOptions } from "./kernel-options.ts"
import { leftOvers, removeLeftOvers } from "./left-overs.ts"
import { neighbours } from "./neighbours.ts"
import { Patient, type PatientOptions } from "./patient.ts"
import { address, room, unpacking } from "./places.ts"
import { ports } from "./ports.ts"
import { rights } from "./rights.ts"
import { routes } from "./routes.ts"

/** A further check is a further row. */
const CHECKS: readonly Check[] = [
  ...[rights, kernelOptions, address, ports, unpacking, room, flavour, foreignRules, routes, neighbours, leftOvers],
  ...[daemon, clock, egress, ways],
]

export interface DoctorOptions extends PatientOptions {
  /** Removes what a dead run has left over, before all is looked at. */
  fix: boolean
  progress: (step: string) => void
}

/** Changes nothing without `fix`. Errors, with `fix` only: workloads_running (conflict), and those of the kernel. */
export async function examine(options: DoctorOptions): Promise<DoctorView> {
  const removed = options.fix ? fix(options) : []
  const patient = new Patient(options)
  try {
    const checks: DoctorCheck[] = []
    for (const check of CHECKS) {
      options.progress(check.name)
      checks.push(...(await carryOut(check, patient)))
    }
    const count = (level: DoctorCheck["level"]) => checks.filter((check) => check.level === level).length
    const sums = { passed: count("ok"), warnings: count("warning"), failed: count("failed"), skipped: count("skipped") }
    return { checks, ...sums, removed }
  } finally {
    patient.close()
  }
}

function fix(options: DoctorOptions): string[] {
  options.progress("left-overs of a dead run")
  const patient = new Patient(options)
  try {
    return removeLeftOvers(patient)
  } finally {
    patient.close()
  }
}
