/** One program at a time brings a lab up, proves it or takes it down: the lock is on the lab's directory itself. */
import { existsSync, fstatSync, statSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { LAB_LOCK_ATTEMPTS_MAX } from "../base/limits.ts"
import { close, O_RDONLY, open, tryLock } from "../linux/libc.ts"
import { HOST_MARK, type LabPlaces } from "./places.ts"

export interface LabLock {
  release(): void
}

/** Errors: lab_busy (conflict), lab_inside (conflict) on a host of a lab. */
export function lockLab(places: LabPlaces): LabLock {
  refuseInside()
  for (let attempt = 0; attempt < LAB_LOCK_ATTEMPTS_MAX; attempt++) {
    places.makeRunDir()
    const fd = open(places.runDir, O_RDONLY)
    const mine = tryLock(fd)
    // Whoever took the lab down in between took the directory with it: then another one is the lab's now.
    if (mine && isStill(fd, places.runDir)) return { release: () => close(fd) }
    close(fd)
    if (!mine) break
  }
  throw new OvlError("lab_busy", `lab ${places.lab}: another ovl is at work on it`, {
    kind: "conflict",
    hint: "wait until it is done",
  })
}

function isStill(fd: number, path: string): boolean {
  if (!existsSync(path)) return false
  const [held, there] = [fstatSync(fd), statSync(path)]
  return held.ino === there.ino && held.dev === there.dev
}

/**
 * A lab's host sees the machine's files but not the lab's namespaces: from there a lab looks half made, and what is
 * installed is installed on the machine. `what` is the verb, `theirs` what it would meddle with. Errors: lab_inside.
 */
export function refuseInside(what = "lab", theirs = "labs are"): void {
  if (!existsSync(HOST_MARK)) return
  throw new OvlError("lab_inside", `${what}: this is a host of a lab, and ${theirs} the machine's business`, {
    kind: "conflict",
    hint: "leave the shell of `ovl lab exec` first",
  })
}
