/** `ovl uninstall`: takes back what `ovl install` recorded, and what the daemon put into the kernel; says each of it. */
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Manifest, MANIFEST_PATH, readManifest, removeManifest } from "./manifest.ts"
import { type Placed, planRemoval, removeDirectories, type TakeAction, takeFiles } from "./place.ts"
import { isActive, type Systemd, tellReaders } from "./systemd.ts"
import { JOIN_TOKEN_PATH, UNIT_NAME } from "./unit.ts"

export interface UninstallOptions {
  root: string
  /** The data too. */
  purge: boolean
  dryRun: boolean
  /** Where nothing is recorded: what `--data-dir` and `--run-dir` say. */
  dataDir: string
  runDir: string
  systemd: Systemd
  takeDown: (places: { dataDir: string; runDir: string; all: boolean }) => Promise<void>
}

export interface Uninstalled {
  files: Placed<TakeAction>[]
  service: "stopped" | "none"
  kernel: "cleared" | "untouched"
  /** `none`: there were none. */
  data: "removed" | "kept" | "none"
  dataDir: string
}

/** Idempotent. Errors: install_record_corrupt, and those of `down`. */
export async function uninstall(options: UninstallOptions): Promise<Uninstalled> {
  const { root, purge, dryRun, systemd } = options
  const manifest = readManifest(root)
  const onMachine = root === ""
  const files = manifest ? [...planRemoval(root, manifest), ...secretPart(root), recordPart()] : secretPart(root)
  const { dataDir, runDir } = manifest ?? options
  // Without a record the daemon is not known to be ours to end, unless everything is to go.
  const clear = onMachine && (manifest !== null || purge)
  const ofService = onMachine && manifest !== null && systemd.runs
  const answer: Uninstalled = {
    files,
    service: ofService ? "stopped" : "none",
    kernel: clear ? "cleared" : "untouched",
    data: !existsSync(join(root, dataDir)) ? "none" : clear && purge ? "removed" : "kept",
    dataDir,
  }
  if (dryRun) return answer
  if (ofService) await stopService(systemd)
  if (clear) await options.takeDown({ dataDir, runDir, all: purge })
  rmSync(join(root, JOIN_TOKEN_PATH), { force: true })
  takeFiles(root, files)
  removeManifest(root)
  if (manifest) removeDirectories(root, manifest.directories)
  if (ofService) await forget(systemd, manifest)
  return answer
}

/** A join that never succeeded may have left its token. */
function secretPart(root: string): Placed<TakeAction>[] {
  return existsSync(join(root, JOIN_TOKEN_PATH)) ? [{ path: JOIN_TOKEN_PATH, action: "removed", why: null }] : []
}

function recordPart(): Placed<TakeAction> {
  return { path: MANIFEST_PATH, action: "removed", why: null }
}

/** A unit that somebody has removed by hand cannot be disabled; it may run all the same, and then it is stopped. */
async function stopService(systemd: Systemd): Promise<void> {
  await systemd.call("systemctl", "--quiet", "disable", UNIT_NAME)
  if (await isActive(systemd)) await systemd.call("systemctl", "stop", UNIT_NAME)
}

async function forget(systemd: Systemd, { files }: Manifest): Promise<void> {
  await systemd.call("systemctl", "daemon-reload")
  await systemd.call("systemctl", "--quiet", "reset-failed", UNIT_NAME)
  await tellReaders(
    systemd,
    files.map(({ path }) => path),
  )
}
