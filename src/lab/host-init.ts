/**
 * `ovl __lab-host LAB HOST`: makes the mount and UTS namespaces of one lab host, in a process of its own, and holds them
 * until the lab has pinned them (the parent says so by closing standard input). Inside, the host has a /run and a /sys
 * of its own, and its own name.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { CLONE_NEWNS, CLONE_NEWUTS, mount, sethostname, unshare } from "../linux/libc.ts"
import { mountTmpfs, setPropagation, unmount } from "../linux/mounts.ts"
import { ensureNamespaceDirectory } from "../linux/namespaces.ts"
import { enterNetwork } from "../linux/process.ts"
import { HOST_MARK, HOST_RUN_DIR, knownLabs, LabPlaces } from "./places.ts"

/** The machine's own configuration of ovl is not the host's. */
const CONFIG_DIR = "/etc/ovl"

export async function holdLabHost(lab: string, host: string): Promise<number> {
  const labs = knownLabs()
  enterNetwork(new LabPlaces(lab).pin(host, "net"))
  unshare(CLONE_NEWNS | CLONE_NEWUTS)
  // What is unmounted outside must go here too, or a namespace deleted there would live on here; nothing goes back.
  setPropagation("/", "slave")
  // This copy of the pins, of this lab and of others, would keep their namespaces alive.
  for (const each of labs) unmount(new LabPlaces(each).namespaces, { detach: true })
  mountTmpfs("/run")
  mkdirSync(HOST_RUN_DIR, { mode: 0o700 })
  writeFileSync(HOST_MARK, `${lab} ${host}\n`)
  ensureNamespaceDirectory("/run/netns")
  mount("sysfs", "/sys", "sysfs", 0)
  if (existsSync(CONFIG_DIR)) mountTmpfs(CONFIG_DIR, { sizeBytes: 65_536 })
  sethostname(host)
  process.stdout.write("ready\n")
  for await (const _ of Bun.stdin.stream()) {
    // Only the end counts.
  }
  return 0
}
