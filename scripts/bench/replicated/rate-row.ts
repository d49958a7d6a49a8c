/** The row of a rate that three servers reach, beside what three members of etcd do in the same rounds. */
import type { Row } from "../benchmark.ts"
import { compareRates, perSecond, roundsOf } from "../kv/wrk.ts"
import { median, times } from "../statistics.ts"

/** Rates in requests a second, one a round; `goalFactor` is how many times etcd's rate ovl's should be. */
export function rateRow(what: string, ovl: number[], etcd: number[], goalFactor: number): Row {
  const compared = compareRates(ovl, etcd)
  return {
    what: `three servers: ${what}, 64 connections to the leader, 128 bytes`,
    ovl: perSecond(ovl),
    reference: `${perSecond(etcd)}, three members of etcd, v3 JSON API`,
    comparison: times(compared.factor),
    goal: `at least ${goalFactor} x`,
    reached: compared.factor >= goalFactor,
    figures: {
      ovlPerSecond: median(ovl),
      referencePerSecond: median(etcd),
      ...compared,
      ...roundsOf("ovl", ovl),
      ...roundsOf("reference", etcd),
    },
  }
}
