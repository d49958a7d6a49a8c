/** Whether this host's clock agrees with the others': certificates and tokens are valid for a time. */
import { X509Certificate } from "node:crypto"
import { CLOCK_SKEW_FAILED_MS, CLOCK_SKEW_WARNING_MS } from "../base/limits.ts"
import { OvlError } from "../base/errors.ts"
import type { ProbeView } from "../model/probe.ts"
import { type Check, type Finding, failed, ok, skipped, warning } from "./check.ts"

const HINT = "let the hosts follow one clock: chrony or systemd-timesyncd on each"

export const clock: Check = {
  name: "clock",
  async look(patient): Promise<Finding[]> {
    const answers = await patient.answers()
    if (!(answers instanceof OvlError)) return [clockFinding(answers.ways instanceof OvlError ? [] : answers.ways)]
    const certificate = patient.identity()?.certPem
    if (certificate === undefined) return [skipped("nobody to compare it with: this host belongs to no cluster yet")]
    const validFrom = Date.parse(new X509Certificate(certificate).validFrom)
    if (validFrom > patient.options.now)
      return [failed("before the day that this node's certificate is valid from: no other node will have it", HINT)]
    return [skipped("nobody to compare it with: the daemon does not run")]
  },
}

/** Exported for tests. */
export function clockFinding(ways: readonly ProbeView[]): Finding {
  const known = ways.flatMap(({ node, clockAheadMs }) => (clockAheadMs === null ? [] : [{ node, ahead: clockAheadMs }]))
  if (known.length === 0) return skipped("nobody to compare it with: no other node answers")
  const { node, ahead } = known.reduce((most, each) => (Math.abs(each.ahead) > Math.abs(most.ahead) ? each : most))
  const off = Math.abs(ahead)
  const text = `${off < 1_000 ? `${off} ms` : `${Math.round(off / 100) / 10} s`} ${ahead > 0 ? "behind" : "ahead of"} ${node}'s`
  if (off >= CLOCK_SKEW_FAILED_MS) return failed(text, HINT)
  if (off >= CLOCK_SKEW_WARNING_MS) return warning(text, HINT)
  return ok(`within ${off} ms of the other nodes'`)
}
