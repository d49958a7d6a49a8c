/** A data directory with nothing in it but the store's file, as a disk image has it. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export function writeDataDirectory(dir: string, file: Uint8Array): void {
  const store = join(dir, "store")
  mkdirSync(store, { recursive: true, mode: 0o700 })
  writeFileSync(join(store, "data.mdb"), file, { mode: 0o600 })
}
