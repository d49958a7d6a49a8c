/** A lab host: network, mount and UTS namespaces, pinned, so that a host outlives every process in it. */
import { closeSync, existsSync, openSync, rmSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { isErrno } from "../linux/errno.ts"
import { MNT_DETACH, MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, mount, UMOUNT_NOFOLLOW, umount2 } from "../linux/libc.ts"
import { isMountPoint } from "../linux/mounts.ts"
import { selfCommand } from "../linux/self.ts"
import type { LabPlaces } from "./places.ts"

/** The pins stand on a private mount: a mount namespace cannot be pinned where mounts spread to itself. */
export function ensurePinMount(places: LabPlaces): void {
  if (isMountPoint(places.namespaces)) return
  mount("ovl-lab", places.namespaces, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700")
  mount("none", places.namespaces, "none", MS_PRIVATE)
}

/** Drops every pin with the mount that they stand on. */
export function releasePinMount(places: LabPlaces): void {
  while (existsSync(places.namespaces) && isMountPoint(places.namespaces))
    umount2(places.namespaces, MNT_DETACH | UMOUNT_NOFOLLOW)
}

/** Makes and pins the host's mount and UTS namespaces where they are missing; its network namespace must be there. */
export async function ensureHost(places: LabPlaces, host: string): Promise<void> {
  if (isMountPoint(places.pin(host, "mnt")) && isMountPoint(places.pin(host, "uts"))) return
  const child = Bun.spawn(selfCommand(["__lab-host", places.lab, host]), { stdin: "pipe", stdout: "pipe", stderr: "pipe" })
  try {
    const reader = child.stdout.getReader()
    const first = await reader.read()
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

function pin(source: string, path: string): void {
  unpin(path)
  closeSync(openSync(path, "w", 0o400))
  mount(source, path, "none", MS_BIND)
}

function unpin(path: string): void {
  try {
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW)
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EINVAL")) throw error
  }
  rmSync(path, { force: true })
}
