/**
 * What is left of a server's data when its membership has ended: kept, for whoever wants to look into it, but under a name
 * that no start takes up. A server that came back with them would be a ghost: one whose vote was taken back, with a log
 * that the others have long gone past.
 */
import { existsSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"

/** The store of a server that has left. There is one; a later one takes its place. */
export const RETIRED_STORE = "store.left"

/** Idempotent. The identity is the caller's to forget, after this. */
export function retireStore(dataDir: string): void {
  const store = join(dataDir, "store")
  if (!existsSync(store)) return
  rmSync(join(dataDir, RETIRED_STORE), { recursive: true, force: true })
  renameSync(store, join(dataDir, RETIRED_STORE))
}
