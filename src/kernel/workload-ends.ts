/**
 * The interfaces of workloads, for a look that goes through very many of them: each namespace is opened once a look,
 * however many of its interfaces are asked for, and its state is read into values only where it differs from the last
 * time. Nothing is held open between two looks, as that would keep a namespace alive that its owner has given up.
 */
import { IDENTIFIED_NAMESPACES_MAX, WORKLOAD_READ_EVERY_LOOKS } from "../base/limits.ts"
import { HOST_NAMESPACE, type NamespacePath, type ObservedInterface } from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { readSurvey, takeSurvey } from "../netlink/index.ts"
import { isHiddenPath, type NamespaceSockets } from "./namespace-sockets.ts"
import { interfacesOf, readInterface } from "./observe.ts"

type Ends = ReadonlyMap<string, ObservedInterface>

/** What was found last, and the bytes that said so. */
interface Known {
  bytes: Uint8Array
  ends: Ends
  /** The watch's, before it was read. */
  version: number | null
  /** Looks until it is read again although nothing was told of it. */
  looksLeft: number
}

/** As `LinuxWatch.versionOf`. */
type VersionOf = (ns: NamespacePath) => number | null

export class WorkloadEnds {
  private readonly known = new Map<NamespacePath, Known>()
  /** Of the look that is under way: undefined where the long way must be taken. Null: no look. */
  private looked: Map<NamespacePath, Ends | undefined> | null = null
  private versionOf: VersionOf = () => null
  /** So that not all are read again in the same look. */
  private reads = 0

  constructor(private readonly sockets: NamespaceSockets) {}

  get isLooking(): boolean {
    return this.looked !== null
  }

  /**
   * While `look` runs, a namespace is read once, and again after it was written to. One of which nothing was told since
   * it was last read is as it was, and is read in one of WORKLOAD_READ_EVERY_LOOKS only.
   */
  during<T>(look: () => T, versionOf: VersionOf): T {
    if (this.looked !== null) return look()
    this.looked = new Map()
    this.versionOf = versionOf
    try {
      return look()
    } finally {
      this.looked = null
    }
  }

  /** These are about to be carried out. */
  touched(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.forget(operation.ns)
      if (operation.op === "veth-add") this.forget(operation.peer.ns)
      // What goes takes its other end with it, wherever that is; the watch tells of it in time for the next look.
      if (operation.op !== "link-del" || this.looked === null) continue
      this.looked.clear()
      this.versionOf = () => null
    }
  }

  private forget(ns: NamespacePath): void {
    this.known.delete(ns)
    this.looked?.delete(ns)
  }

  /** Null where the namespace or the interface is gone. */
  observe(ns: NamespacePath, ifname: string): ObservedInterface | null {
    if (this.looked === null || ns === HOST_NAMESPACE || isHiddenPath(ns)) return this.ask(ns, ifname)
    if (!this.looked.has(ns)) this.looked.set(ns, this.endsOf(ns))
    const ends = this.looked.get(ns)
    return ends === undefined ? this.ask(ns, ifname) : (ends.get(ifname) ?? null)
  }

  private ask(ns: NamespacePath, ifname: string): ObservedInterface | null {
    return this.sockets.with(ns, ({ socket }) => readInterface(socket, ifname))
  }

  private endsOf(ns: NamespacePath): Ends | undefined {
    const version = this.versionOf(ns)
    const known = this.known.get(ns)
    if (known && version !== null && known.version === version && known.looksLeft-- > 0) return known.ends
    const bytes = this.sockets.with(ns, ({ fd }) => takeSurvey(fd))
    if (bytes === null) return undefined
    if (known && Buffer.compare(known.bytes, bytes) === 0) {
      Object.assign(known, { version, looksLeft: WORKLOAD_READ_EVERY_LOOKS - 1 })
      return known.ends
    }
    const looksLeft = this.reads++ % WORKLOAD_READ_EVERY_LOOKS
    const ends = interfacesOf(readSurvey(bytes))
    if (this.known.size >= IDENTIFIED_NAMESPACES_MAX) this.known.clear()
    this.known.set(ns, { bytes: bytes.slice(), ends, version, looksLeft })
    return ends
  }
}
