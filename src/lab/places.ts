/**
 * Where a lab's things are. What pins its namespaces goes with a reboot, as they do; the nodes' data does not.
 *
 *     /run/ovl-lab/<lab>/ns/<host>.{net,mnt,uts}   pinned namespaces, on a private mount of their own
 *     /run/ovl-lab/<lab>/<host>.pid                the node's daemon
 *     /run/ovl-lab/<lab>/lab.json                  what the lab was asked to be, and what has been made for it
 *     /var/lib/ovl-lab/<lab>/<host>/               its --data-dir; <host>.log beside it is what it said
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { type LabState, labStateSchema } from "./state-record.ts"
import type { Topology } from "./topology.ts"

export const LAB_RUN_ROOT = "/run/ovl-lab"
export const LAB_DATA_ROOT = "/var/lib/ovl-lab"
/** Inside every host: the default, so that each node's `ovl` finds its own socket. */
export const HOST_RUN_DIR = "/run/ovl"
/** Inside every host: says that this is one. */
export const HOST_MARK = "/run/ovl-lab-host"
/** Name of the namespace that holds the switch; no host may have it. */
export const SWITCH = "underlay"
/** In a root that we made ourselves, and therefore remove with the last lab. */
const ROOT_MARK = ".made-by-ovl"

export type PinKind = "net" | "mnt" | "uts"

export class LabPlaces {
  readonly lab: string
  readonly runDir: string
  readonly dataDir: string

  constructor(lab: string) {
    this.lab = lab
    this.runDir = join(LAB_RUN_ROOT, lab)
    this.dataDir = join(LAB_DATA_ROOT, lab)
  }

  get namespaces(): string {
    return join(this.runDir, "ns")
  }
  pin(host: string, kind: PinKind): string {
    return join(this.namespaces, `${host}.${kind}`)
  }
  pidFile(host: string): string {
    return join(this.runDir, `${host}.pid`)
  }
  get stateFile(): string {
    return join(this.runDir, "lab.json")
  }
  nodeData(host: string): string {
    return join(this.dataDir, host)
  }
  nodeLog(host: string): string {
    return join(this.dataDir, `${host}.log`)
  }

  /** The directory that the lab's lock is taken on. Errors: lab_directory_failed. */
  makeRunDir(): void {
    makeRoot(LAB_RUN_ROOT)
    makeDirectory(this.runDir)
  }

  /** Errors: lab_directory_failed. */
  make(): void {
    this.makeRunDir()
    makeDirectory(this.namespaces)
    makeRoot(LAB_DATA_ROOT)
    makeDirectory(this.dataDir)
  }

  /** Removes the lab's folders, and with the last lab the roots, where they are ours. */
  remove(): void {
    rmSync(this.dataDir, { recursive: true, force: true })
    rmSync(this.runDir, { recursive: true, force: true })
    for (const root of [LAB_DATA_ROOT, LAB_RUN_ROOT]) removeRoot(root)
  }

  saveState(state: LabState): void {
    const fresh = `${this.stateFile}.new`
    writeFileSync(fresh, JSON.stringify(state), { mode: 0o600 })
    renameSync(fresh, this.stateFile)
  }

  /** What the lab was asked to be; null where that is not known, as after a start that was cut off at once. */
  state(): LabState | null {
    try {
      return labStateSchema.parse(JSON.parse(readFileSync(this.stateFile, "utf8")))
    } catch {
      return null
    }
  }

  topology(): Topology | null {
    return this.state()?.topology ?? null
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new OvlError("lab_directory_failed", `cannot make ${path}: ${why}`, {
      hint: "a lab needs room in /run and /var/lib",
      cause: error,
    })
  }
}

function makeRoot(root: string): void {
  if (existsSync(root)) return
  makeDirectory(root)
  writeFileSync(join(root, ROOT_MARK), "", { mode: 0o600 })
}

function removeRoot(root: string): void {
  const mark = join(root, ROOT_MARK)
  if (!existsSync(mark) || readdirSync(root).length > 1) return
  rmSync(mark)
  rmdirSync(root)
}

/** Names of the labs that are up, half up, or of which only data is left. */
export function knownLabs(): string[] {
  const names = new Set<string>()
  for (const root of [LAB_RUN_ROOT, LAB_DATA_ROOT]) {
    if (existsSync(root)) for (const name of readdirSync(root)) if (!name.startsWith(".")) names.add(name)
  }
  return [...names].sort()
}
