/** What only a running daemon knows: how it is, and whether the overlay's packets pass between it and the others. */
import { OvlError } from "../base/errors.ts"
import { probeFaults, type ProbeView } from "../model/probe.ts"
import { type Check, type Finding, failed, ok, skipped, warning } from "./check.ts"

/** The ways are tried anew, so that what the status remembers of them need not be said twice. */
const OF_WAYS = new Set(["path_mtu", "path_blocked"])

export const daemon: Check = {
  name: "daemon",
  async look(patient): Promise<Finding[]> {
    const answers = await patient.answers()
    const pid = patient.daemonPid()
    if (answers instanceof OvlError) {
      if (pid !== null) return [failed(`runs (pid ${pid}) and does not answer: ${answers.message}`, answers.hint)]
      if (answers.code === "no_daemon")
        return [skipped("none runs here: the cluster and the ways to other nodes are not known")]
      return [skipped(`not asked: ${answers.message}`, answers.hint)]
    }
    const { node, health, problems } = answers.status
    const told = problems.filter(({ code }) => !OF_WAYS.has(code))
    const findings = told.map(({ code, message, hint, level }) =>
      (level === "error" ? failed : warning)(`${code}: ${message}`, hint),
    )
    if (findings.some(({ level }) => level === "failed")) return findings
    return [
      ok(`${node.name} is ${health === "ok" ? "well" : "degraded"}${pid === null ? "" : `, pid ${pid}`}`),
      ...findings,
    ]
  },
}

export const ways: Check = {
  name: "ways",
  async look(patient): Promise<Finding[]> {
    const answers = await patient.answers()
    if (answers instanceof OvlError) return []
    const { ways: views } = answers
    if (views instanceof OvlError) return [warning(`could not be tried: ${views.message}`, views.hint)]
    if (views.length === 0) return [ok("there is no other node yet")]
    const alive = new Set(answers.nodes.filter(({ state }) => state === "alive").map(({ name }) => name))
    return views.flatMap((view) => wayFindings(answers.status.node.name, view, alive.has(view.node)))
  },
}

/** Exported for tests: each direction between this node and another one. */
export function wayFindings(self: string, view: ProbeView, isAlive: boolean): Finding[] {
  const faults = probeFaults(self, view)
  const [first] = faults
  if (first?.code === "probe_unanswered")
    return [(isAlive ? failed : warning)(first.message, first.hint, `way ${self} - ${view.node}`)]
  const directions = [
    { name: `way ${self} -> ${view.node}`, words: `from ${self} to ${view.node}`, passed: view.there },
    { name: `way ${view.node} -> ${self}`, words: `from ${view.node} to ${self}`, passed: view.back },
  ]
  return directions.map(({ name, words, passed }) => {
    const fault = faults.find(({ message }) => message.includes(words))
    if (fault) return failed(fault.message, fault.hint, name)
    if (passed.small !== true) return skipped("not found out", "", name)
    if (passed.full === null) return ok("small frames pass; full-size ones were not tried", name)
    const time = view.ms === null ? "" : `, ${Math.round(view.ms * 10) / 10} ms there and back`
    return ok(`VXLAN passes, frames of full size (MTU ${view.mtu}) too${time}`, name)
  })
}
