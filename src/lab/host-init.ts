/**
 * `ovl __lab-host DIR HOST`: makes the mount and UTS namespaces of one lab host, in a process of its own, and holds them
 * until the lab has pinned them (the parent says so by closing standard input). Inside, the host has a /run and a /sys
 * of its own, and its own name.
 */
import { mkdirSync } from "node:fs"
import {
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWUTS,
  close,
  MNT_DETACH,
  MS_NODEV,
  MS_NOSUID,
  MS_REC,
  MS_SLAVE,
  mount,
  sethostname,
  setns,
  umount2,
  unshare,
} from "../linux/libc.ts"
import { ensureNamespaceDirectory, openNamespace } from "../linux/namespaces.ts"
import { HOST_RUN_DIR, LabPlaces } from "./places.ts"

export async function holdLabHost(lab: string, host: string): Promise<number> {
  const places = new LabPlaces(lab)
  const network = openNamespace(places.pin(host, "net"))
  setns(network, CLONE_NEWNET)
  close(network)
  unshare(CLONE_NEWNS | CLONE_NEWUTS)
  // What is unmounted outside must go here too, or a namespace deleted there would live on here; nothing goes back.
  mount("none", "/", "none", MS_REC | MS_SLAVE)
  // This copy of the pins would keep the other hosts alive.
  umount2(places.namespaces, MNT_DETACH)
  mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
  mkdirSync(HOST_RUN_DIR, { mode: 0o700 })
  ensureNamespaceDirectory("/run/netns")
  mount("sysfs", "/sys", "sysfs", 0)
  sethostname(host)
  process.stdout.write("ready\n")
  for await (const _ of Bun.stdin.stream()) {
    // Only the end counts.
  }
  return 0
}
