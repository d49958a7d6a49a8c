import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { silentLog } from "../../src/base/log.ts"
import { openLoneStore } from "../../src/store/embedded.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import { storeContract } from "./store.ts"

storeContract("memory", () => ({
  open: async (clock) => openMemoryStore({ clock }),
  keeps: false,
  cleanUp: () => {},
}))

storeContract("embedded", () => {
  const dir = mkdtempSync(join(tmpdir(), "ovl-store-"))
  return {
    open: (clock) => openLoneStore({ dir, clock, log: silentLog }),
    keeps: true,
    cleanUp: () => rmSync(dir, { recursive: true }),
  }
})
