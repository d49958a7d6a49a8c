/**
 * Netlink sockets into namespaces. Those into hidden namespaces are kept, as every change of a peer needs one; those
 * into workloads are not, since an open one keeps a namespace alive that its owner has given up. A kept socket is used
 * only while the path still stands for the namespace in which it was opened.
 */
import { HELD_NAMESPACES_MAX, HIDDEN_SOCKETS_MAX } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import { close } from "../linux/libc.ts"
import { namespaceId, openNamespace } from "../linux/namespaces.ts"
import { HOST_NAMESPACE, markedId, type NamespacePath, NETNS_DIRECTORY } from "../model/dataplane.ts"
import { link, NetlinkSocket } from "../netlink/index.ts"
import { deleteTogether } from "./link-group.ts"

const HIDDEN_NAME = /^1-[0-9a-f]{10}$/

export function isHiddenName(name: string): boolean {
  return HIDDEN_NAME.test(name)
}

/** A namespace opened: a descriptor for placing links in it, and a socket into it as soon as one is asked for. */
export class OpenNamespace {
  private opened: NetlinkSocket | undefined

  /** `fd` -1: the host's own, whose socket is there already and is not closed from here. */
  constructor(
    readonly fd: number,
    socket?: NetlinkSocket,
  ) {
    this.opened = socket
  }

  get socket(): NetlinkSocket {
    this.opened ??= NetlinkSocket.open({ namespace: this.fd })
    return this.opened
  }

  release(): void {
    if (this.fd < 0) return
    this.opened?.close()
    close(this.fd)
  }
}

interface Kept {
  open: OpenNamespace
  inode: number
}

export class NamespaceSockets {
  readonly host: NetlinkSocket
  private readonly kept = new Map<NamespacePath, Kept>()
  /** Workloads' namespaces opened by the plan that is being carried out; null while there is none. */
  private held: Map<NamespacePath, OpenNamespace> | null = null

  /** Opens the host's socket in the namespace that this thread is in. */
  constructor() {
    this.host = NetlinkSocket.open()
  }

  close(): void {
    for (const path of [...this.kept.keys()]) this.forget(path)
    this.host.close()
  }

  /** Runs `use` with a namespace opened; null where there is no namespace at that path. */
  with<T>(ns: NamespacePath, use: (open: OpenNamespace) => T): T | null {
    if (ns === HOST_NAMESPACE) return use(new OpenNamespace(-1, this.host))
    if (isHiddenPath(ns)) {
      const kept = this.keep(ns)
      return kept === null ? null : use(kept)
    }
    const held = this.held?.get(ns)
    if (held) return use(held)
    const opened = tryOpen(ns)
    if (opened === null) return null
    if (this.held !== null && this.held.size < HELD_NAMESPACES_MAX) {
      this.held.set(ns, opened)
      return use(opened)
    }
    try {
      return use(opened)
    } finally {
      opened.release()
    }
  }

  /** While `run` runs, what was opened of a workload stays open: a plan comes back to it several times. */
  hold<T>(run: () => T): T {
    if (this.held !== null) return run()
    this.held = new Map()
    try {
      return run()
    } finally {
      for (const opened of this.held.values()) opened.release()
      this.held = null
    }
  }

  /** Closes what is kept of a namespace: before it is unpinned, so that it can go. */
  forget(ns: NamespacePath): void {
    this.kept.get(ns)?.open.release()
    this.kept.delete(ns)
    this.held?.get(ns)?.release()
    this.held?.delete(ns)
  }

  private keep(ns: NamespacePath): OpenNamespace | null {
    const inode = inodeOf(ns)
    const kept = this.kept.get(ns)
    if (kept) {
      if (kept.inode === inode) {
        // Moved to the end: the first is the one unused longest.
        this.kept.delete(ns)
        this.kept.set(ns, kept)
        return kept.open
      }
      this.abandon(ns, kept)
    }
    if (inode === null) return null
    const opened = tryOpen(ns)
    if (opened === null) return null
    for (const oldest of this.kept.keys()) {
      if (this.kept.size < HIDDEN_SOCKETS_MAX) break
      this.forget(oldest)
    }
    this.kept.set(ns, { open: opened, inode })
    return opened
  }

  /** Somebody unpinned it behind our back, and our socket has kept it alive: its links must not live on with it. */
  private abandon(ns: NamespacePath, kept: Kept): void {
    const ours = link.list(kept.open.socket).filter((one) => one.name !== "lo" && markedId(one.alias) !== null)
    deleteTogether([{ socket: kept.open.socket, names: ours.map((one) => one.name) }])
    this.forget(ns)
  }
}

export function isHiddenPath(ns: NamespacePath): boolean {
  return ns.startsWith(`${NETNS_DIRECTORY}/`) && isHiddenName(ns.slice(NETNS_DIRECTORY.length + 1))
}

/** Null where nothing is pinned: no file, or one that is no namespace. */
function inodeOf(ns: NamespacePath): number | null {
  try {
    return namespaceId(ns).ino
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return null
    throw error
  }
}

function tryOpen(ns: NamespacePath): OpenNamespace | null {
  try {
    return new OpenNamespace(openNamespace(ns))
  } catch (error) {
    // ENOTTY, EINVAL: a file to which nothing is pinned.
    if (isErrno(error, "ENOENT", "ENOTDIR", "ESRCH", "EINVAL", "ENOTTY")) return null
    throw error
  }
}
