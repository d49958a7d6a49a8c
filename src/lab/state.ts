/** Which labs there are, which hosts each has, and which of those run. */
import { OvlError } from "../base/errors.ts"
import { daemonPid } from "./daemons.ts"
import { listPinned } from "./hosts.ts"
import { refuseInside } from "./lock.ts"
import { knownLabs, LabPlaces } from "./places.ts"

export interface LabView {
  name: string
  /** `daemon` is a pid; null where none runs, as on the outside host. */
  hosts: { name: string; daemon: number | null }[]
}

/** Errors: lab_inside. */
export function labList(): LabView[] {
  refuseInside()
  return knownLabs().map((name) => {
    const places = new LabPlaces(name)
    return { name, hosts: listPinned(places).map((host) => ({ name: host, daemon: daemonPid(places, host) })) }
  })
}

/**
 * Which lab is meant: the one that was named, else the only one there is. Errors: lab_not_found, lab_ambiguous (usage),
 * lab_inside.
 */
export function chooseLab(name?: string): string {
  refuseInside()
  const labs = knownLabs()
  if (name !== undefined) {
    if (labs.includes(name)) return name
    throw new OvlError("lab_not_found", `no lab ${name}`, { kind: "not_found", hint: hintOf(labs) })
  }
  const [only, ...others] = labs
  if (only === undefined) throw new OvlError("lab_not_found", "no lab is up", { kind: "not_found", hint: hintOf([]) })
  if (others.length === 0) return only
  throw new OvlError("lab_ambiguous", `several labs are up: ${labs.join(", ")}`, {
    kind: "usage",
    hint: "say which one with --name",
  })
}

function hintOf(labs: string[]): string {
  return labs.length === 0 ? "`ovl lab up` brings one up" : `there is ${labs.join(", ")}`
}
