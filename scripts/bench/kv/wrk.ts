/** wrk against one of the stores, with the same requests in each one's own words: put.lua and get.lua. */
import { resolve } from "node:path"
import type { Machine } from "../../../test/support/machine.ts"
import { median, medianRatio } from "../statistics.ts"
import { ETCD_PORT, OVL_PORT } from "./store.ts"

const CONNECTIONS = 64
/** Many short runs rather than few long ones: what disturbs the machine then falls on all of them in turns. */
const ROUNDS = 7
const SECONDS = 2
const WARM_UP_SECONDS = 1

/** wrk itself is given this much longer. */
const SPARE_MS = 20_000

export type Target = "ovl" | "ovl-consistent" | "etcd-v3" | "etcd-v2"

/** Requests per second of each target, one figure a round; the rounds of one number are neighbours in time. */
export type Rates = Partial<Record<Target, number[]>>

/** In turns, and each goes first as often as last; each is asked on its own machine, by loopback. */
export function inTurns(
  machineOf: (target: Target) => Machine,
  script: "put" | "get",
  targets: readonly Target[],
): Rates {
  const rates: Rates = {}
  let runs = 0
  for (const target of targets) wrk(machineOf(target), script, target, ++runs, WARM_UP_SECONDS)
  for (let round = 0; round < ROUNDS; round++) {
    for (const target of round % 2 === 0 ? targets : [...targets].reverse()) {
      const rate = wrk(machineOf(target), script, target, ++runs, SECONDS)
      rates[target] = [...(rates[target] ?? []), rate]
    }
  }
  return rates
}

/** The command. `run` tells runs apart, so that no run writes a value that is already there. */
export function wrkCommand(script: "put" | "get", target: Target, run: number, seconds: number): string[] {
  const url = `http://127.0.0.1:${target.startsWith("ovl") ? OVL_PORT : ETCD_PORT}/`
  const path = resolve(import.meta.dir, `${script}.lua`)
  const load = ["-t", "1", "-c", String(CONNECTIONS), "-d", `${seconds}s`, "-s", path, url]
  return ["wrk", ...load, "--", target, String(run)]
}

/** Requests a second. Throws where one failed. */
function wrk(machine: Machine, script: "put" | "get", target: Target, run: number, seconds: number): number {
  const timeoutMs = seconds * 1000 + SPARE_MS
  return rateOf(target, machine.run(wrkCommand(script, target, run, seconds), { timeoutMs }))
}

/** From what wrk said. Throws where a request failed. */
export function rateOf(target: Target, said: string): number {
  const rate = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(said)?.[1])
  if (!(rate > 0) || /Non-2xx|Socket errors/.test(said)) throw new Error(`wrk on ${target}: ${said.trim()}`)
  return rate
}

export function ratesOf(rates: Rates, target: Target): number[] {
  const found = rates[target]
  if (!found) throw new Error(`${target} was not measured`)
  return found
}

/**
 * How many times the other's rate ours is: by the medians, and by the median of the rounds' quotients. Where the
 * machine changes its speed between rounds the two can contradict each other: the lesser was shown.
 */
export function compareRates(ovl: readonly number[], other: readonly number[]) {
  const byMedians = median(ovl) / median(other)
  const byRounds = medianRatio(ovl.map((rate, round) => [rate, other[round]!] as const))
  return { factor: Math.min(byMedians, byRounds), byMedians, byRounds }
}

/** Every round's figure, for whoever wonders how far apart they lie: `ovlRound1PerSecond`. */
export function roundsOf(name: string, rates: readonly number[]): Record<string, number> {
  return Object.fromEntries(rates.map((rate, round) => [`${name}Round${round + 1}PerSecond`, Math.round(rate)]))
}

export function perSecond(rates: readonly number[]): string {
  return `${Math.round(median(rates)).toLocaleString("en")}/s`
}
