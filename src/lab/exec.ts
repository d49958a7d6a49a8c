/**
 * A program inside a host of the lab, in this program's place: the terminal, the signals and the exit status are the
 * caller's own. `ovl lab exec` and the lab itself, which starts its daemons so, go through here.
 */
import { delimiter, dirname } from "node:path"
import { OvlError } from "../base/errors.ts"
import {
  CLONE_FS,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWUTS,
  close,
  O_RDONLY,
  open,
  setns,
  unshare,
} from "../linux/libc.ts"
import { isMountPoint } from "../linux/mounts.ts"
import { execProgram } from "../linux/process.ts"
import { selfCommand } from "../linux/self.ts"
import { listPinned } from "./hosts.ts"
import { refuseInside } from "./lock.ts"
import { HOST_RUN_DIR, knownLabs, LabPlaces, type PinKind } from "./places.ts"

const FLAGS: Record<PinKind, number> = { net: CLONE_NEWNET, uts: CLONE_NEWUTS, mnt: CLONE_NEWNS }
/** The mounts last: after them the other pins are out of sight. */
const KINDS: readonly PinKind[] = ["net", "uts", "mnt"]
/** The only variable of ovl's that does not say where a daemon is. */
const TOKEN_VARIABLE = "OVL_TOKEN"

/**
 * Runs `argv` inside the host and does not come back. Errors: lab_not_found, host_not_found, host_incomplete,
 * lab_inside, and ExecError (exit status 126 or 127).
 */
export function execInLabHost(lab: string, host: string, argv: readonly string[]): never {
  const [program, ...args] = argv
  if (program === undefined) throw new OvlError("command_missing", "lab exec: no command to run", { kind: "usage" })
  // A checkout has no file called `ovl` to be found by PATH.
  const command = program === "ovl" ? selfCommand(args) : [program, ...args]
  const env = hostEnvironment(lab, host)
  enterLabHost(lab, host)
  return execProgram(command as [string, ...string[]], env)
}

/** Enters the host's namespaces for good; the working directory stays where the host has it too. */
export function enterLabHost(lab: string, host: string): void {
  const places = existingHost(lab, host)
  const directory = process.cwd()
  const pins = KINDS.map((kind) => ({ kind, fd: open(places.pin(host, kind), O_RDONLY) }))
  // Threads share their root and working directory; one that does cannot enter a mount namespace (setns(2)).
  unshare(CLONE_FS)
  for (const { kind, fd } of pins) {
    setns(fd, FLAGS[kind], places.pin(host, kind))
    close(fd)
  }
  try {
    process.chdir(directory)
  } catch {
    process.chdir("/")
  }
}

function existingHost(lab: string, host: string): LabPlaces {
  refuseInside()
  if (!knownLabs().includes(lab))
    throw new OvlError("lab_not_found", `no lab ${lab}`, { kind: "not_found", hint: "`ovl lab ls` lists them" })
  const places = new LabPlaces(lab)
  const hosts = listPinned(places)
  if (!hosts.includes(host))
    throw new OvlError("host_not_found", `lab ${lab} has no host ${host}`, {
      kind: "not_found",
      hint: hosts.length === 0 ? "`ovl lab up` brings its hosts up" : `there is ${hosts.join(", ")}`,
    })
  if (KINDS.every((kind) => isMountPoint(places.pin(host, kind)))) return places
  throw new OvlError("host_incomplete", `host ${host} of lab ${lab} is only half made`, {
    kind: "unavailable",
    hint: "`ovl lab up` repairs the lab",
  })
}

/** The caller's, in which `ovl` is this program, and finds this host's daemon and data and no others. */
function hostEnvironment(lab: string, host: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && (!name.startsWith("OVL_") || name === TOKEN_VARIABLE)) env[name] = value
  }
  env.PATH = [dirname(process.execPath), env.PATH].filter(Boolean).join(delimiter)
  env.OVL_RUN_DIR = HOST_RUN_DIR
  env.OVL_DATA_DIR = new LabPlaces(lab).nodeData(host)
  return env
}
