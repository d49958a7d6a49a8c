/** The program that runs, as bytes, and whether a data directory belongs to a cluster. */
import { readFileSync } from "node:fs"
import { loadIdentity } from "../../agent/identity.ts"
import { OvlError } from "../../base/errors.ts"

/** Also where its file has been replaced since it was started. Errors: install_from_source. */
export function ownProgram(): Uint8Array {
  if (Bun.main.startsWith("/$bunfs/")) return readFileSync("/proc/self/exe")
  throw new OvlError("install_from_source", "cannot install: this runs from the sources, and is no program by itself", {
    hint: "make build, then dist/ovl install",
  })
}

/** False where it cannot be told: the directory is for root alone. */
export function resumes(dataDir: string): boolean {
  try {
    return loadIdentity(dataDir) !== null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return false
    throw error
  }
}
