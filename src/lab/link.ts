/** `ovl lab link down|up A B`: links of a lab that is up are cut and healed. What is cut is only in the kernel. */
import { OvlError } from "../base/errors.ts"
import { listPinned } from "./hosts.ts"
import { lockLab } from "./lock.ts"
import { LabPlaces, SWITCH } from "./places.ts"
import { applySteps } from "./underlay/apply.ts"
import { observeUnderlay } from "./underlay/observe.ts"
import type { ObservedUnderlay } from "./underlay/plan.ts"
import { ordered } from "./underlay/wanted.ts"

/**
 * Between two stations, or, with the switch as one of them, the other's cable. Idempotent. Errors: host_not_found,
 * lab_link_invalid (usage), lab_incomplete, lab_busy (conflict), lab_inside, lab_cut_refused.
 */
export function setLink(lab: string, a: string, b: string, state: "up" | "down"): void {
  const places = new LabPlaces(lab)
  const lock = lockLab(places)
  try {
    const observed = observeUnderlay(places)
    checkEnds(places, observed, a, b)
    if (a === SWITCH || b === SWITCH) {
      const name = a === SWITCH ? b : a
      applySteps(places, [{ do: "link-set", ns: SWITCH, name, up: state === "up" }])
      return
    }
    const cut = ordered([a, b])
    const others = observed.cuts.filter((each) => each.join(" ") !== cut.join(" "))
    applySteps(places, [{ do: "cuts-set", ns: SWITCH, cuts: state === "up" ? others : [...others, cut] }])
  } finally {
    lock.release()
  }
}

function checkEnds(places: LabPlaces, observed: ObservedUnderlay, a: string, b: string): void {
  const pinned = listPinned(places)
  for (const name of [a, b]) {
    if (name === SWITCH) continue
    if (!pinned.includes(name))
      throw new OvlError("host_not_found", `lab ${places.lab} has no host ${name}`, {
        kind: "not_found",
        hint: `there is ${[...pinned, SWITCH].join(", ")}`,
      })
    if (!observed.switch?.ports.has(name))
      throw new OvlError("lab_incomplete", `lab ${places.lab}: the cable of ${name} is not there`, {
        hint: "`ovl lab up` repairs it",
      })
  }
  if (a === b)
    throw new OvlError("lab_link_invalid", `lab link: ${a} twice: a link has two different ends`, {
      kind: "usage",
      hint: `name another node, or ${SWITCH}`,
    })
}
