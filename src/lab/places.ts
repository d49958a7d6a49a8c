/**
 * Where a lab's things are. What pins its namespaces goes with a reboot, as the namespaces do; the nodes' data does not.
 *
 *     /run/ovl-lab/<lab>/ns/<host>.{net,mnt,uts}   pinned namespaces, on a private mount of their own
 *     /run/ovl-lab/<lab>/<host>.pid                the node's daemon
 *     /var/lib/ovl-lab/<lab>/<host>/               its --data-dir; <host>.log beside it is what it said
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs"
import { join } from "node:path"

export const LAB_RUN_ROOT = "/run/ovl-lab"
export const LAB_DATA_ROOT = "/var/lib/ovl-lab"
/** Inside every host: the defaults, so that each node's `ovl` finds its own socket. */
export const HOST_RUN_DIR = "/run/ovl"

export type NamespaceKind = "net" | "mnt" | "uts"

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
  pin(host: string, kind: NamespaceKind): string {
    return join(this.namespaces, `${host}.${kind}`)
  }
  pidFile(host: string): string {
    return join(this.runDir, `${host}.pid`)
  }
  nodeData(host: string): string {
    return join(this.dataDir, host)
  }
  nodeLog(host: string): string {
    return join(this.dataDir, `${host}.log`)
  }

  exists(): boolean {
    return existsSync(this.runDir)
  }

  make(): void {
    mkdirSync(this.runDir, { recursive: true, mode: 0o700 })
    mkdirSync(this.namespaces, { recursive: true, mode: 0o700 })
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 })
  }

  /** Removes the lab's folders, and the roots with the last lab. */
  remove(): void {
    rmSync(this.runDir, { recursive: true, force: true })
    rmSync(this.dataDir, { recursive: true, force: true })
    for (const root of [LAB_RUN_ROOT, LAB_DATA_ROOT]) {
      if (existsSync(root) && readdirSync(root).length === 0) rmdirSync(root)
    }
  }
}

/** Names of the labs that are up, or half up. */
export function knownLabs(): string[] {
  const names = new Set<string>()
  for (const root of [LAB_RUN_ROOT, LAB_DATA_ROOT]) {
    if (existsSync(root)) for (const name of readdirSync(root)) names.add(name)
  }
  return [...names].sort()
}
