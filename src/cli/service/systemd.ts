/**
 * systemd, as far as a service of it is concerned: asked by its own programs, so that nothing here depends on its bus. Where
 * another program runs the machine, or none as in most containers, there is nothing to ask.
 */
import { existsSync } from "node:fs"
import type { Io } from "../io.ts"
import { LINK_PATH, NETWORK_MANAGER_PATH, NETWORKD_PATH, UNIT_NAME } from "./unit.ts"

export interface Systemd {
  /** Whether systemd runs this machine: it makes this directory and nobody else does (sd_booted(3)). */
  readonly runs: boolean
  /** Runs one of its programs and resolves to its exit status; 127 where there is none. */
  call(...words: string[]): Promise<number>
}

export function systemdOf(io: Io, runs = existsSync("/run/systemd/system")): Systemd {
  return { runs, call: (...words) => io.runProgram(words, new Uint8Array(), {}) }
}

export async function isActive(systemd: Systemd, unit = UNIT_NAME): Promise<boolean> {
  return (await systemd.call("systemctl", "--quiet", "is-active", unit)) === 0
}

/** Who reads which of our files besides the service manager, and how each is told to read them again. */
const READERS: { paths: string[]; unit: string; reload: string[] }[] = [
  { paths: [NETWORKD_PATH], unit: "systemd-networkd.service", reload: ["networkctl", "reload"] },
  { paths: [LINK_PATH], unit: "systemd-udevd.service", reload: ["udevadm", "control", "--reload"] },
  {
    paths: [NETWORK_MANAGER_PATH],
    unit: "NetworkManager.service",
    reload: ["systemctl", "--quiet", "reload", "NetworkManager.service"],
  },
]

/** Resolves to the programs that could not be told: they read the files when they start next. */
export async function tellReaders(systemd: Systemd, changed: readonly string[]): Promise<string[]> {
  const deaf: string[] = []
  for (const { paths, unit, reload } of READERS) {
    if (!paths.some((path) => changed.includes(path)) || !(await isActive(systemd, unit))) continue
    if ((await systemd.call(...reload)) !== 0) deaf.push(unit)
  }
  return deaf
}
