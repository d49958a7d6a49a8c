/**
 * `ovl __lab-host LAB HOST`: makes the mount and UTS namespaces of one lab host, in a process of its own, and holds
 * them until the lab has pinned them (the parent says so by closing standard input). Inside, the host has a /run and a
 * /sys of its own, and its own name.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { LAB_PIN_ATTEMPTS_MAX } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import { CLONE_NEWNS, CLONE_NEWUTS, close, ioctl, mount, O_RDONLY, open, sethostname, unshare } from "../linux/libc.ts"
import { mountTmpfs, setPropagation, unmount } from "../linux/mounts.ts"
import { ensureNamespaceDirectory } from "../linux/namespaces.ts"
import { enterNetwork } from "../linux/process.ts"
import { HOST_MARK, HOST_RUN_DIR, knownLabs, LabPlaces } from "./places.ts"

/** The machine's own configuration of ovl is not the host's. */
const CONFIG_DIR = "/etc/ovl"
/** NS_GET_MNTNS_ID, include/uapi/linux/nsfs.h; since Linux 6.11. */
const NS_GET_MNTNS_ID = 0x8008b705
/** COOKIE_LOCAL_BATCH, include/linux/cookie.h. */
const IDS_PER_BATCH = 4096

export async function holdLabHost(lab: string, host: string): Promise<number> {
  const labs = knownLabs()
  enterNetwork(new LabPlaces(lab).pin(host, "net"))
  unshareForPinning()
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

/**
 * Leaves for new mount and UTS namespaces. A mount namespace can be pinned only inside one that has a smaller id, which
 * keeps them from pinning each other in a ring; and Linux 6.18 gives ids to each processor in batches, so that a newer
 * namespace may have a smaller one. Then the rest of this processor's batch is used up: the next is above all others.
 */
function unshareForPinning(): void {
  const before = mountNamespaceId()
  unshare(CLONE_NEWNS | CLONE_NEWUTS)
  for (let attempt = 0; attempt < LAB_PIN_ATTEMPTS_MAX && mountNamespaceId() < before; attempt++) {
    for (let id = 0; id < IDS_PER_BATCH; id++) unshare(CLONE_NEWUTS)
    unshare(CLONE_NEWNS)
  }
}

/** 0 on a kernel that does not tell: there ids are given in order. */
function mountNamespaceId(): bigint {
  const fd = open("/proc/thread-self/ns/mnt", O_RDONLY)
  try {
    const id = new BigUint64Array(1)
    ioctl(fd, NS_GET_MNTNS_ID, new Uint8Array(id.buffer), "NS_GET_MNTNS_ID")
    return id[0]!
  } catch (error) {
    if (isErrno(error, "ENOTTY", "EINVAL")) return 0n
    throw error
  } finally {
    close(fd)
  }
}
