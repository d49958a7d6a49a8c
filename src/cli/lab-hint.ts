/**
 * For somebody who has just brought a lab up and asks this host for a daemon: the lab's daemons are inside its hosts, and
 * this is how they are asked.
 */
import { join } from "node:path"
import { asOvlError, OvlError } from "../base/errors.ts"
import type { LabView } from "../lab/state.ts"
import { DEFAULT_RUN_DIR } from "./globals.ts"

/** Whether a lab's daemon may be meant: there is none where this host's own would be. */
export function isOwnDaemonMissing(thrown: unknown, socket: string): thrown is OvlError {
  return thrown instanceof OvlError && thrown.code === "no_daemon" && socket === join(DEFAULT_RUN_DIR, "ovl.sock")
}

/** Where the labs cannot be listed: this may be a host of one. */
export function insteadOfLabs(thrown: unknown): "inside" | [] {
  return asOvlError(thrown).code === "lab_inside" ? "inside" : []
}

/**
 * The same error, its hint beginning with a line that works, where a lab with daemons is up. On a lab's host the daemon
 * is the lab's own.
 */
export function withLabHint(thrown: OvlError, labs: readonly LabView[] | "inside"): OvlError {
  if (labs === "inside")
    return new OvlError(thrown.code, thrown.message, {
      kind: thrown.kind,
      hint: "this is a host of a lab: `ovl lab up` with the lab's file, from outside, starts its daemon again",
      cause: thrown.cause,
    })
  const up = labs.filter((lab) => lab.hosts.some((host) => host.daemon !== null))
  const [first] = up
  const host = first?.hosts.find((each) => each.daemon !== null)
  if (!first || !host) return thrown
  const name = up.length > 1 ? ` --name ${first.name}` : ""
  const inside = `\`ovl lab exec${name} ${host.name} -- ovl status\` asks one of lab ${first.name}`
  return new OvlError(thrown.code, thrown.message, {
    kind: thrown.kind,
    hint: `${inside}; ${thrown.hint}`,
    cause: thrown.cause,
  })
}
