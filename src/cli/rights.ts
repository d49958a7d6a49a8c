/** What only root may do is refused before anything is tried. */
import { OvlError } from "../base/errors.ts"
import type { Io } from "./io.ts"

/** Throws `not_root`: `what` is the command, `why` what it needs root for. */
export function requireRoot(io: Io, what: string, why: string): void {
  if (io.isRoot) return
  throw new OvlError("not_root", `${what}: root is needed ${why}`, {
    kind: "forbidden",
    hint: "run the same line as root, or with sudo before it",
  })
}
