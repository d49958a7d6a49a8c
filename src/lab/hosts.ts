/** A lab host: network, mount and UTS namespaces, pinned, so that a host outlives every process in it. */
import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import {
  CLONE_FS,
  CLONE_NEWNS,
  close,
  MS_BIND,
  MS_NODEV,
  MS_NOSUID,
  mount,
  O_RDONLY,
  open,
  setns,
  unshare,
} from "../linux/libc.ts"
import { isMountPoint, setPropagation, unmount } from "../linux/mounts.ts"
import { selfCommand } from "../linux/self.ts"
import { type LabPlaces, SWITCH } from "./places.ts"

/** The pins stand on a private mount: a mount namespace cannot be pinned where mounts spread to itself. */
export function ensurePinMount(places: LabPlaces): void {
  if (!isMountPoint(places.namespaces)) mount("ovl-lab", places.namespaces, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700")
  setPropagation(places.namespaces, "private")
}

/** The hosts that have a pinned network namespace; the switch is none. */
export function listPinned(places: LabPlaces): string[] {
  if (!existsSync(places.namespaces)) return []
  return readdirSync(places.namespaces)
    .filter((file) => file.endsWith(".net"))
    .map((file) => file.slice(0, -".net".length))
    .filter((name) => name !== SWITCH)
    .sort()
}

/** Drops every pin with the mount that they stand on. */
export function releasePinMount(places: LabPlaces): void {
  while (existsSync(places.namespaces) && unmount(places.namespaces, { detach: true })) {
    // Once more: one may have been mounted over another.
  }
}

/**
 * Makes and pins the host's mount and UTS namespaces where they are missing; its network namespace must be there.
 * Errors: lab_host_failed.
 */
export async function ensureHost(places: LabPlaces, host: string): Promise<void> {
  if (isMountPoint(places.pin(host, "mnt")) && isMountPoint(places.pin(host, "uts"))) return
  const command = selfCommand(["__lab-host", places.lab, host])
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe" })
  try {
    const first = await child.stdout.getReader().read()
    if (first.done) {
      const why = (await new Response(child.stderr).text()).trim()
      throw new OvlError("lab_host_failed", `cannot make lab host ${host}: ${why || "its first process ended"}`)
    }
    for (const kind of ["mnt", "uts"] as const) pin(`/proc/${child.pid}/ns/${kind}`, places.pin(host, kind))
  } finally {
    child.stdin.end()
    await child.exited
  }
}

/** A host whose network is new has nothing of its old self left. */
export function forgetHost(places: LabPlaces, host: string): void {
  for (const kind of ["mnt", "uts"] as const) unpin(places.pin(host, kind))
  rmSync(places.pidFile(host), { force: true })
}

function pin(source: string, path: string): void {
  unpin(path)
  closeSync(openSync(path, "w", 0o400))
  mount(source, path, "none", MS_BIND)
}

function unpin(path: string): void {
  unmount(path, { detach: true })
  rmSync(path, { force: true })
}

/**
 * The network namespaces that are pinned inside the host, by inode: the workloads' and whatever was made there by hand.
 * This thread enters the host's mounts for a moment, to see them.
 */
export function networksPinnedIn(places: LabPlaces, host: string): number[] {
  const pin = places.pin(host, "mnt")
  if (!isMountPoint(pin)) return []
  const directory = process.cwd()
  const [home, there] = [open("/proc/thread-self/ns/mnt", O_RDONLY), open(pin, O_RDONLY)]
  unshare(CLONE_FS)
  setns(there, CLONE_NEWNS, pin)
  try {
    return readdirSync("/run/netns").map((name) => statSync(join("/run/netns", name)).ino)
  } catch {
    return [] // Nothing was ever pinned there.
  } finally {
    setns(home, CLONE_NEWNS, "back home")
    process.chdir(directory)
    close(home)
    close(there)
  }
}
