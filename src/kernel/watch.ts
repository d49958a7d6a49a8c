/**
 * The watch over this machine's kernel. Two sockets that never block hear of all namespaces at once, by the numbers that
 * the host's namespace has for them; they keep no namespace alive, as a socket inside would. What came in just after a
 * write of our own, in the namespace written to, is taken for its echo.
 */
import { closeSync } from "node:fs"
import { isErrno } from "../linux/errno.ts"
import { close } from "../linux/libc.ts"
import { MountChanges } from "../linux/mount-changes.ts"
import { openNamespace } from "../linux/namespaces.ts"
import { HOST_NAMESPACE, type NamespacePath, NETNS_DIRECTORY, VXLAN_NAME } from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { link, type Notice, type NoticeKind, Notices, nsid } from "../netlink/index.ts"
import { GUARD_TABLE } from "./firewall/guard.ts"
import { usesNfTables } from "./firewall/iptables.ts"
import { isHiddenPath, type NamespaceSockets } from "./namespace-sockets.ts"
import type { KernelWatch, Touched } from "./port.ts"
import { hostSysctls, inodeOf, openHiddenSysctl, rulesText, sysctlsIn } from "./untold.ts"

/** Notices that name a device. */
const DEVICE_KINDS: ReadonlySet<NoticeKind> = new Set(["link", "addr", "fdb", "sysctl"])
const isNoEcho = () => false

/** Files here are mount points of namespaces, with no link on the way to them. */
const PINNED_BELOW = `${NETNS_DIRECTORY}/`

interface Followed {
  /** The host's number for it; null where nothing is at its path, or it has no number. */
  nsid: number | null
  inode: number | null
  /** Index of its vxlan device; undefined: to be asked for. */
  vxlan: number | null | undefined
  sysctls: string
  /** What `openHiddenSysctl` opened there. */
  sysctlFd: number | null
  /** Another one after each notice about its links, addresses and routes. */
  version: number
}

export class LinuxWatch implements KernelWatch {
  private readonly route = Notices.openRoute()
  private readonly mounts = new MountChanges()
  /** Of nf_tables, with the guards; null on a kernel without. */
  private readonly rules = openRules()
  /** The host's, where the kernel tells nobody of those and they are compared at each glance; else null. */
  private rulesText: string | null
  private readonly followed = new Map<NamespacePath, Followed>()
  private readonly byNumber = new Map<number, NamespacePath[]>()
  private hostNumber: number | null = null
  private hostSysctls: string
  /** Written to since the last read, and between that and the one before: some echoes take their time. */
  private writing = new Set<NamespacePath>()
  private wrote_ = new Set<NamespacePath>()
  private writingRules = false
  /** What was taken from the sockets before the next `read` asks for it. */
  private taken = nothingTouched()
  private versions = 0
  private closed = false

  /** `remembered`: the sysctl keys that ovl has changed. */
  constructor(
    private readonly sockets: NamespaceSockets,
    private readonly remembered: () => readonly string[],
  ) {
    this.hostSysctls = hostSysctls(this.remembered())
    this.rulesText = this.rules !== null && usesNfTables() ? null : rulesText()
  }

  follow(namespaces: ReadonlySet<NamespacePath>): void {
    let changed = false
    for (const path of this.followed.keys()) if (!namespaces.has(path)) changed = this.drop(path)
    for (const path of namespaces) {
      if (path === HOST_NAMESPACE || this.followed.has(path)) continue
      this.followed.set(path, this.look(path))
      changed = true
    }
    if (changed) this.number()
  }

  read(): Touched {
    this.take(isNoEcho)
    const touched = this.taken
    this.taken = nothingTouched()
    this.wrote_ = this.writing
    this.writing = new Set()
    this.writingRules = false
    return touched
  }

  /** Takes what the kernel has told by now, for the next `read` and for `versionOf`. */
  catchUp(): void {
    this.take(isNoEcho)
  }

  /**
   * The same number as before where the kernel has told of no change to links, addresses or routes there; null where
   * it would not tell.
   */
  versionOf(path: NamespacePath): number | null {
    const followed = this.followed.get(path)
    return followed && followed.nsid !== null && this.route.everywhere ? followed.version : null
  }

  /**
   * Carries out what makes new ports of bridges that are there: what the kernel tells of these meanwhile is an echo, and
   * calls for no look at all of the bridge's ports. `ports`: their indexes, by the namespace of their bridge.
   */
  duringNewPorts<T>(ports: ReadonlyMap<NamespacePath, ReadonlySet<number>>, run: () => T): T {
    return this.echoing((path, { index, kind }) => DEVICE_KINDS.has(kind) && ports.get(path)?.has(index) === true, run)
  }

  /** As `duringNewPorts`, of what changes elements of the guard in this namespace. */
  duringGuardChange<T>(ns: NamespacePath, run: () => T): T {
    return this.echoing((path, { kind }) => path === ns && kind === "elements", run)
  }

  private echoing<T>(isEcho: (path: NamespacePath, notice: Notice) => boolean, run: () => T): T {
    this.take(isNoEcho)
    try {
      return run()
    } finally {
      this.take(isEcho)
    }
  }

  /** Takes what has come, but for echoes. */
  private take(isEcho: (path: NamespacePath, notice: Notice) => boolean): void {
    const { taken } = this
    const note = (path: NamespacePath, notice: Notice) => {
      if (isEcho(path, notice)) return
      const isOurs = this.writing.has(path) || this.wrote_.has(path)
      ;(isOurs ? taken.byUs : taken.byOthers).add(path)
    }
    const lost = this.route.read((notice) => {
      for (const path of this.placesOf(notice)) note(path, notice)
    })
    const rulesLost = this.rules?.read((notice) => {
      const { kind, nsid: number } = notice
      if (kind === "elements" && this.isHost(number)) note(HOST_NAMESPACE, notice)
      else if (this.isHost(number)) taken.rules = this.writingRules && taken.rules !== "others" ? "us" : "others"
      else for (const path of this.byNumber.get(number!) ?? []) note(path, notice)
    })
    if (rulesLost) taken.rules = "others"
    taken.everything ||= lost
    if (lost) for (const followed of this.followed.values()) followed.version = ++this.versions
  }

  glance(): Touched {
    const byOthers = new Set<NamespacePath>()
    // What is pinned to a file is a mount: where nothing was mounted or unmounted it is what it was.
    const mounted = this.mounts.read()
    for (const [path, before] of this.followed) {
      const inode = mounted || !path.startsWith(PINNED_BELOW) ? inodeOf(path) : before.inode
      const same = inode === before.inode
      if (same && (inode === null || before.sysctls === sysctlsIn(before.sysctlFd))) continue
      byOthers.add(path)
      this.drop(path)
      this.followed.set(path, this.look(path))
    }
    const sysctls = hostSysctls(this.remembered())
    if (sysctls !== this.hostSysctls) byOthers.add(HOST_NAMESPACE)
    this.hostSysctls = sysctls
    this.hostNumber = this.numberOf("/proc/thread-self/ns/net", false)
    this.number()
    return { byOthers, byUs: new Set(), rules: this.rulesDiffer() ? "others" : null, everything: false }
  }

  /** These are about to be carried out: the echo is ours. */
  wrote(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.writing.add(operation.ns)
      if (operation.op === "veth-add") this.writing.add(operation.peer.ns)
    }
  }

  /** The guard of a bridge's ports. */
  wroteGuard(ns: NamespacePath): void {
    this.writing.add(ns)
    if (ns === HOST_NAMESPACE) this.writingRules = true
  }

  wroteRules(): void {
    this.writingRules = true
    if (this.rulesText !== null) this.rulesText = rulesText()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.route.close()
    this.mounts.close()
    this.rules?.close()
    for (const path of this.followed.keys()) this.drop(path)
    this.byNumber.clear()
  }

  private drop(path: NamespacePath): boolean {
    const fd = this.followed.get(path)?.sysctlFd ?? null
    if (fd !== null) closeSync(fd)
    return this.followed.delete(path)
  }

  private isHost(number: number | null): boolean {
    return number === null || number === this.hostNumber
  }

  private placesOf(notice: Notice): readonly NamespacePath[] {
    const { kind, nsid: number, index } = notice
    if (number === null || number === this.hostNumber) return kind === "neigh" ? [] : [HOST_NAMESPACE]
    const paths = this.byNumber.get(number) ?? []
    if (kind === "link") for (const path of paths) this.followed.get(path)!.vxlan = undefined
    if (kind !== "neigh" && kind !== "fdb") {
      for (const path of paths) this.followed.get(path)!.version = ++this.versions
      return paths
    }
    // A workload's neighbours are its own, and so are those that the kernel finds by itself on a bridge.
    return paths.filter((path) => isHiddenPath(path) && (kind === "fdb" || index === this.vxlanOf(path)))
  }

  private vxlanOf(path: NamespacePath): number | null {
    const followed = this.followed.get(path)!
    followed.vxlan ??= this.sockets.with(path, ({ socket }) => link.indexOf(socket, VXLAN_NAME))
    return followed.vxlan
  }

  private look(path: NamespacePath): Followed {
    const inode = inodeOf(path)
    const number = inode === null ? null : this.numberOf(path, true)
    const sysctlFd = inode === null ? null : openHiddenSysctl(path)
    return { nsid: number, inode, vxlan: undefined, sysctls: sysctlsIn(sysctlFd), sysctlFd, version: ++this.versions }
  }

  private number(): void {
    this.byNumber.clear()
    for (const [path, { nsid: number }] of this.followed) {
      if (number === null) continue
      const paths = this.byNumber.get(number)
      if (paths) paths.push(path)
      else this.byNumber.set(number, [path])
    }
  }

  /** Null where there is no namespace, or it has no number and gets none. */
  private numberOf(path: NamespacePath, give: boolean): number | null {
    let fd: number
    try {
      fd = openNamespace(path)
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR", "ESRCH", "EINVAL", "ENOTTY")) return null
      throw error
    }
    try {
      const known = nsid.get(this.sockets.host, fd)
      if (known !== null || !give) return known
      nsid.add(this.sockets.host, fd)
      return nsid.get(this.sockets.host, fd)
    } finally {
      close(fd)
    }
  }

  private rulesDiffer(): boolean {
    if (this.rulesText === null) return false
    const before = this.rulesText
    this.rulesText = rulesText()
    return this.rulesText !== before
  }
}

interface Taken extends Touched {
  byOthers: Set<NamespacePath>
  byUs: Set<NamespacePath>
}

function nothingTouched(): Taken {
  return { byOthers: new Set(), byUs: new Set(), rules: null, everything: false }
}

function openRules(): Notices | null {
  try {
    return Notices.openRules(GUARD_TABLE)
  } catch (error) {
    if (isErrno(error, "EPROTONOSUPPORT", "ENOENT", "EINVAL")) return null
    throw error
  }
}
