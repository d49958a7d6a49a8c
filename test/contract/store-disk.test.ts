/** What happens to the store on a disk that is full or read-only; on a small file system in a namespace of its own. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = process.getuid?.() === 0
if (!root) console.warn("SKIPPED, as only root may mount: the store on a full and on a read-only disk")

test.skipIf(!root)(
  "a full disk is said, reads and deletions go on, and it recovers",
  () => {
    const disk = mkdtempSync(join(tmpdir(), "ovl-disk-"))
    try {
      const script = 'mount -t tmpfs -o size=12m tmpfs "$0" && exec "$1" "$2" "$0"'
      const child = join(import.meta.dir, "store-disk-child.ts")
      const command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, disk, process.execPath, child]
      const ran = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" })
      expect(`${ran.stdout}`.split("\n").slice(0, -1)).toEqual([
        "a write to the full disk: store_full",
        "reads: true",
        "the reserve: 0",
        "a small write: store_full",
        "a lease: store_full",
        "a set: store_full",
        "a session: store_full",
        "a restore: store_full",
        "the end of a session: ok",
        "its key: null",
        // The log, which kept a copy of every value, was cut when the disk was full: there is room again.
        "writes beside a deletion: ok ok",
        "the deletion: ok",
        "deleted: 12",
        "a write in the room of what was deleted: ok",
        "writes and a deletion in one commit: store_full ok store_full",
        "opened on the full disk, reads: true",
        "opened on the full disk, writes: store_full",
        "with room again: ok",
        "the reserve: 1048576",
        "a new store on a full disk: store_full",
        "and with room: ok",
        "remounted: 0",
        "read-only: data_read_only",
      ])
      expect(ran.exitCode).toBe(0)
    } finally {
      rmdirSync(disk)
    }
  },
  60_000,
)
