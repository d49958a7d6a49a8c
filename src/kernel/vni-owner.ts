/**
 * Who has a VNI. The kernel refuses a second vxlan device with the same VNI and port over the same host namespace, in
 * whatever namespace the first one lives, and does not say where. Ours from an earlier life is removed; for anyone
 * else's the error says whose it is.
 */
import { readdirSync, readlinkSync } from "node:fs"
import { NAMESPACE_SEARCH_MAX } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import { listNamespaces, namespaceId, openNamespace } from "../linux/namespaces.ts"
import { close } from "../linux/libc.ts"
import { markedId, NETNS_DIRECTORY } from "../model/dataplane.ts"
import { type Link, link, NetlinkSocket, nsid } from "../netlink/index.ts"
import { isHiddenName } from "./namespace-sockets.ts"

/** Docker pins its namespaces here, not where `ip netns` looks. */
const OTHER_DIRECTORIES = [NETNS_DIRECTORY, "/run/docker/netns"]

export interface VniOwner {
  /** `host`, a path, or `/proc/<pid>/ns/net`. */
  where: string
  device: string
  /** It carries our mark, or is in a hidden namespace of ours. */
  ours: boolean
  /** The namespace has a name, and so does not end with a process. */
  pinned: boolean
}

/** The device that stands in the way; null where it is not found (a namespace that nobody can reach, or it is gone). */
export function findVniOwner(host: NetlinkSocket, vni: number, port: number): VniOwner | null {
  const matches = (one: Link) => one.vxlan?.vni === vni && one.vxlan.port === port
  const inHost = link.list(host, { kind: "vxlan" }).find((one) => matches(one) && one.linkNetnsid === null)
  if (inHost) return { where: "host", device: inHost.name, ours: false, pinned: true }
  for (const { path, hidden, pinned } of candidates()) {
    const found = searchNamespace(path, matches)
    if (found !== null)
      return { where: path, device: found.name, ours: hidden || markedId(found.alias) !== null, pinned }
  }
  return null
}

/**
 * Removes our own stale device; from a namespace that only a process holds, all that is ours: nobody will ever look
 * into it again, and the far ends of its ports hold names in the workloads. The device itself goes last, so that an
 * interruption leaves what leads here.
 */
export function removeOwner(owner: VniOwner): void {
  using socket = NetlinkSocket.open({ namespace: owner.where })
  const others = owner.pinned
    ? []
    : link.list(socket).filter((one) => one.kind !== null && markedId(one.alias) !== null)
  for (const { name } of others) if (name !== owner.device) link.del(socket, name)
  link.del(socket, owner.device)
}

/** Each namespace once: pinned ones first, then those that only processes hold. */
function* candidates(): Generator<{ path: string; hidden: boolean; pinned: boolean }> {
  const seen = new Set([namespaceId().ino])
  for (const directory of OTHER_DIRECTORIES) {
    for (const { name, path, id } of listNamespaces(directory)) {
      if (id === null || seen.has(id.ino)) continue
      seen.add(id.ino)
      yield { path, hidden: directory === NETNS_DIRECTORY && isHiddenName(name), pinned: true }
    }
  }
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (seen.size > NAMESPACE_SEARCH_MAX) return
    const path = `/proc/${pid}/ns/net`
    const inode = inodeOfLink(path)
    if (inode === null || seen.has(inode)) continue
    seen.add(inode)
    yield { path, hidden: false, pinned: false }
  }
}

/** `net:[4026531840]`; null for a process that is gone. */
function inodeOfLink(path: string): number | null {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1] ?? Number.NaN)
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EINVAL")) return null
    throw error
  }
}

/** A matching device whose UDP socket is in our host's namespace. */
function searchNamespace(path: string, matches: (one: Link) => boolean): Link | null {
  let fd: number
  try {
    fd = openNamespace(path)
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EINVAL")) return null
    throw error
  }
  try {
    using socket = NetlinkSocket.open({ namespace: fd })
    const found = link.list(socket, { kind: "vxlan" }).filter(matches)
    if (found.length === 0) return null
    const home = numberOfHome(socket)
    return found.find((one) => home !== null && one.linkNetnsid === home) ?? null
  } finally {
    close(fd)
  }
}

/** By which number the namespace of `socket` knows ours. */
function numberOfHome(socket: NetlinkSocket): number | null {
  const home = openNamespace("/proc/thread-self/ns/net")
  try {
    return nsid.get(socket, home)
  } finally {
    close(home)
  }
}
