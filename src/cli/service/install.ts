/** `ovl install`: the program, its service and what that needs, in their places; then the service is started. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { writeFileAtomic } from "../../agent/files.ts"
import { OvlError } from "../../base/errors.ts"
import { MANIFEST_PATH, type Manifest, readManifest, writeManifest } from "./manifest.ts"
import { type Placed, planFiles, type PutAction, putFile, recordOf, type Wanted, writing } from "./place.ts"
import { isActive, type Systemd, tellReaders } from "./systemd.ts"
import {
  CONFIG_PATH,
  configText,
  JOIN_TOKEN_PATH,
  LINK_PATH,
  linkText,
  NETWORK_MANAGER_PATH,
  NETWORKD_PATH,
  networkdText,
  networkManagerText,
  UNIT_NAME,
  UNIT_PATH,
  unitText,
} from "./unit.ts"

export interface InstallOptions {
  /** Where everything goes below; empty for the machine itself. Only there is the service manager spoken to. */
  root: string
  prefix: string
  /** The program to install. */
  program: Uint8Array
  /** The words after it in the unit. */
  start: readonly string[]
  dataDir: string
  runDir: string
  /** Of a first join; null where none is needed. */
  token: string | null
  force: boolean
  dryRun: boolean
  startNow: boolean
  systemd: Systemd
  /** The pid of a daemon that runs on this run directory, however it was started. */
  runningDaemon: () => number | null
}

export type ServiceState = "started" | "restarted" | "running" | "enabled" | "not started" | "no systemd" | "staged"

export interface Installed {
  files: Placed<PutAction>[]
  service: ServiceState
  /** What somebody should know besides. */
  remarks: string[]
}

/** Idempotent. Errors: install_record_corrupt, service_failed, and those of the files. */
export async function install(options: InstallOptions): Promise<Installed> {
  const { root, force, dryRun, systemd } = options
  const files = filesOf(options)
  const known = readManifest(root)
  const plan = planFiles(root, files, { known, force })
  const onMachine = root === ""
  const remarks: string[] = []
  if (dryRun) return { files: plan, service: onMachine ? futureOf(options) : "staged", remarks }
  putAndRecord(options, files, plan, known)
  if (!onMachine) return { files: plan, service: "staged", remarks }
  if (!systemd.runs) return { files: plan, service: "no systemd", remarks }
  const changed = plan.filter(({ action }) => action === "added" || action === "replaced").map(({ path }) => path)
  for (const unit of await tellReaders(systemd, changed)) remarks.push(`${unit} could not be told to read its files`)
  const service = await startService(options, changed, remarks)
  return { files: plan, service, remarks }
}

/** What was put before something failed is recorded too, so that it can be taken back. */
function putAndRecord(
  { root, start, dataDir, runDir }: InstallOptions,
  files: readonly Wanted[],
  plan: readonly Placed<PutAction>[],
  known: Manifest | null,
): void {
  const directories = new Set(known?.directories)
  let done = 0
  try {
    for (const file of files) {
      for (const made of putFile(root, file, plan[done]!.action)) directories.add(made)
      done++
    }
  } finally {
    const record = recordOf(files.slice(0, done), plan, known)
    const manifest: Manifest = {
      version: 1,
      start: [...start],
      dataDir,
      runDir,
      files: record,
      directories: [...directories],
    }
    if (done > 0) writing(MANIFEST_PATH, () => writeManifest(root, manifest))
  }
}

function filesOf({ prefix, program, start }: InstallOptions): Wanted[] {
  const text = (path: string, content: string, rest: Partial<Wanted> = {}) => ({
    path,
    content: Buffer.from(content),
    mode: 0o644,
    ...rest,
  })
  const place = programPath(prefix)
  return [
    { path: place, content: program, mode: 0o755, program: true },
    text(CONFIG_PATH, configText(), { once: true }),
    text(NETWORKD_PATH, networkdText()),
    text(LINK_PATH, linkText()),
    text(NETWORK_MANAGER_PATH, networkManagerText()),
    text(UNIT_PATH, unitText(place, start)),
  ]
}

export function programPath(prefix: string): string {
  return join(prefix, "bin/ovl")
}

function futureOf({ systemd, startNow }: InstallOptions): ServiceState {
  if (!systemd.runs) return "no systemd"
  return startNow ? "started" : "enabled"
}

async function startService(
  options: InstallOptions,
  changed: readonly string[],
  remarks: string[],
): Promise<ServiceState> {
  const { systemd, startNow, prefix, runDir } = options
  await must(systemd, "systemctl", "daemon-reload")
  await must(systemd, "systemctl", "--quiet", "enable", UNIT_NAME)
  putToken(options)
  const active = await isActive(systemd)
  if (!startNow) return active ? "running" : "enabled"
  const renewed = changed.includes(programPath(prefix)) || changed.includes(UNIT_PATH)
  if (active && !renewed) return "running"
  const pid = active ? null : options.runningDaemon()
  if (pid !== null) {
    remarks.push(`a daemon runs already on ${runDir} (pid ${pid}): end it, then systemctl start ovl`)
    return "not started"
  }
  try {
    await must(systemd, "systemctl", active ? "restart" : "start", UNIT_NAME)
  } catch (error) {
    // It would go on trying with a token that is not there any more.
    if (options.token !== null) await systemd.call("systemctl", "stop", UNIT_NAME)
    throw error
  } finally {
    // The unit does this too, as soon as the node is in; here also where it did not get in, so that no token stays behind.
    rmSync(JOIN_TOKEN_PATH, { force: true })
  }
  return active ? "restarted" : "started"
}

/** Only where the service manager will take it up: nowhere else does anybody remove it again. */
function putToken({ token }: InstallOptions): void {
  if (token !== null) writeFileAtomic(JOIN_TOKEN_PATH, `${token}\n`, 0o600)
}

async function must(systemd: Systemd, ...words: string[]): Promise<void> {
  const status = await systemd.call(...words)
  if (status === 0) return
  const starting = words.includes(UNIT_NAME)
  throw new OvlError("service_failed", `cannot set the service up: ${words.join(" ")} ended with status ${status}`, {
    hint: starting ? "journalctl -u ovl -n 50 says why" : "what was installed so far, `ovl uninstall` takes back",
  })
}
