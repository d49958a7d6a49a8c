/**
 * Network namespaces: making one and pinning it to a file (as `ip netns` does, so that both see each other's), running
 * a piece of code inside one, and telling which is which. A namespace belongs to a thread, and JavaScript has one: so
 * enter, open what is wanted (it stays bound to that namespace) and come back, all in one synchronous stretch.
 */
import { existsSync, fstatSync, mkdirSync, readdirSync, statSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { isErrno, LinuxError } from "./errno.ts"
import {
  CLONE_NEWNET,
  close,
  ioctl,
  MNT_DETACH,
  MS_BIND,
  MS_REC,
  MS_SHARED,
  mount,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  open,
  setns,
  statfs,
  UMOUNT_NOFOLLOW,
  umount2,
  unshare,
} from "./libc.ts"

/** Of this thread: `/proc/self/ns/net` can be another thread's. */
const OWN_NETWORK = "/proc/thread-self/ns/net"
/** NSFS_MAGIC, include/uapi/linux/magic.h. */
const NSFS_MAGIC = 0x6e736673
/** NS_GET_NSTYPE, include/uapi/linux/nsfs.h. */
const NS_GET_NSTYPE = 0xb703

/** What makes a namespace itself and no other, while it lives: the identity of its nsfs inode. */
export interface NamespaceId {
  readonly dev: number
  readonly ino: number
}

/** A path of a namespace (`/run/netns/x`, `/proc/123/ns/net`) or an open descriptor of one. */
export type NamespaceRef = string | number

/** Opens a network namespace; the caller closes. Throws `not_found` where there is nothing, `invalid` if it is none. */
export function openNamespace(path: string): number {
  const fd = open(path, O_RDONLY)
  try {
    if (namespaceType(fd) !== CLONE_NEWNET) throw new LinuxError(`open ${path}`, 22, "not a network namespace")
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

/** The CLONE_NEW* flag of the namespace behind a descriptor; 0 if it is no namespace at all. */
export function namespaceType(fd: number): number {
  try {
    return ioctl(fd, NS_GET_NSTYPE, 0, "NS_GET_NSTYPE")
  } catch (error) {
    if (isErrno(error, "ENOTTY", "EINVAL", "ENOSYS", "EBADF")) return 0
    throw error
  }
}

/** True if a network namespace is mounted at (or is) this path; false for a plain file and for nothing. */
export function isNamespace(path: string): boolean {
  try {
    if (statfs(path).type !== NSFS_MAGIC) return false
    close(openNamespace(path))
    return true
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EINVAL", "ESRCH")) return false
    throw error
  }
}

/** The identity of a namespace: this thread's own when no reference is given. */
export function namespaceId(namespace: NamespaceRef = OWN_NETWORK): NamespaceId {
  const stat = typeof namespace === "number" ? fstatSync(namespace) : statSync(namespace)
  return { dev: stat.dev, ino: stat.ino }
}

export function sameNamespace(a: NamespaceRef, b: NamespaceRef): boolean {
  const [one, other] = [namespaceId(a), namespaceId(b)]
  return one.dev === other.dev && one.ino === other.ino
}

/**
 * Runs `inside` in a namespace and comes back, always. What it opens stays bound to that namespace. It must not await:
 * a promise it returns is handed on, but everything after its first `await` runs outside. If coming back fails, the
 * whole process would go on in a foreign namespace, so it ends at once.
 */
export function withNamespace<T>(namespace: NamespaceRef, inside: () => T): T {
  const home = open(OWN_NETWORK, O_RDONLY)
  try {
    const fd = typeof namespace === "number" ? namespace : openNamespace(namespace)
    try {
      setns(fd, CLONE_NEWNET, String(namespace))
    } finally {
      if (typeof namespace === "string") close(fd)
    }
    try {
      return inside()
    } finally {
      comeBack(home)
    }
  } finally {
    close(home)
  }
}

/** Runs `inside` in an empty network namespace that ends with it, and comes back, always; see `withNamespace`. */
export function withNewNamespace<T>(inside: () => T): T {
  const home = open(OWN_NETWORK, O_RDONLY)
  try {
    unshare(CLONE_NEWNET)
    try {
      return inside()
    } finally {
      comeBack(home)
    }
  } finally {
    close(home)
  }
}

function comeBack(home: number): void {
  try {
    setns(home, CLONE_NEWNET, "back home")
  } catch (error) {
    process.stderr.write(`ovl: cannot come back from a network namespace: ${String(error)}\n`)
    process.abort()
  }
}

/**
 * Makes a directory that can hold pinned namespaces: it exists, and it is a mount point whose mounts spread to other
 * mount namespaces, so that a namespace deleted in one does not stay pinned in another. Done as `ip netns add` does it
 * (ip-netns(8), iproute2 ip/ipnetns.c), so either may come first. True if the mount is new: then it is the caller's to
 * remove with `releaseNamespaceDirectory`.
 */
export function ensureNamespaceDirectory(directory: string): boolean {
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  try {
    mount("", directory, "none", MS_SHARED | MS_REC)
    return false
  } catch (error) {
    if (!isErrno(error, "EINVAL")) throw error // EINVAL: not yet a mount point
  }
  mount(directory, directory, "none", MS_BIND | MS_REC)
  mount("", directory, "none", MS_SHARED | MS_REC)
  return true
}

/** Unmounts the directory again, if nothing is pinned there any more. True if it did. */
export function releaseNamespaceDirectory(directory: string): boolean {
  if (!existsSync(directory) || readdirSync(directory).length > 0) return false
  try {
    umount2(directory, UMOUNT_NOFOLLOW)
    return true
  } catch (error) {
    if (isErrno(error, "EINVAL", "EBUSY")) return false
    throw error
  }
}

/**
 * Makes an empty network namespace and pins it to `path`, a new file. This thread stays where it was. Loopback is down:
 * `link.set(socket, "lo", { up: true })`. Throws `conflict` (EEXIST) if the file is there. Nothing is left on failure.
 */
export function createPinnedNamespace(path: string): void {
  close(open(path, O_RDONLY | O_CREAT | O_EXCL, 0o444))
  try {
    const home = open(OWN_NETWORK, O_RDONLY)
    try {
      unshare(CLONE_NEWNET)
      try {
        mount(OWN_NETWORK, path, "none", MS_BIND)
      } finally {
        comeBack(home)
      }
    } finally {
      close(home)
    }
  } catch (error) {
    unlinkSync(path)
    throw error
  }
}

/** Makes an empty network namespace, loopback down, that lives as long as the descriptor; the caller closes it. */
export function openNewNamespace(): number {
  return withNewNamespace(() => open(OWN_NETWORK, O_RDONLY))
}

/** Pins the namespace behind a descriptor to `path`, a new file. Throws `conflict` (EEXIST) if the file is there. */
export function pinNamespace(path: string, fd: number): void {
  close(open(path, O_RDONLY | O_CREAT | O_EXCL, 0o444))
  try {
    mount(`/proc/self/fd/${fd}`, path, "none", MS_BIND)
  } catch (error) {
    unlinkSync(path)
    throw error
  }
}

/**
 * Unpins and removes; true if there was anything. The namespace itself lives on while a process or a descriptor is in
 * it, and its destruction goes on behind the caller's back: delete its links first where their names are wanted again.
 */
export function deleteNamespace(path: string): boolean {
  try {
    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false
    if (!isErrno(error, "EINVAL")) throw error // EINVAL: a plain file, left by an interrupted creation
  }
  try {
    unlinkSync(path)
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error
  }
  return true
}

/** A file in a directory of namespaces; `id` is null if nothing is pinned to it (a creation that was interrupted). */
export interface PinnedNamespace {
  readonly name: string
  readonly path: string
  readonly id: NamespaceId | null
}

/** What is pinned in a directory under a name that is `meant`, by name; empty where there is no such directory. */
export function listNamespaces(directory: string, meant: (name: string) => boolean = () => true): PinnedNamespace[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter(meant)
    .sort()
    .map((name) => {
      const path = join(directory, name)
      return { name, path, id: isNamespace(path) ? namespaceId(path) : null }
    })
}
