/**
 * What may come from the ports of each bridge, as this process has told the kernel. One port more is one small
 * transaction before the port is there; ports that are gone are taken out a moment later, many at once, as the kernel
 * takes its time over that and an entry of a port that does not exist lets nothing through.
 */
import type { Clock } from "../base/clock.ts"
import { GUARD_FLUSH_MS } from "../base/limits.ts"
import type { Kernel } from "../kernel/port.ts"
import type { GuardPort, GuardState, NamespacePath } from "../model/dataplane.ts"

interface Guarded {
  state: GuardState
  /** By device. */
  ports: Map<string, GuardPort>
  /** Still in the kernel. */
  gone: Map<string, GuardPort>
}

export interface GuardsOptions {
  kernel: Kernel
  clock: Clock
}

export class Guards {
  readonly #o: GuardsOptions
  readonly #guarded = new Map<NamespacePath, Guarded>()
  #cancelFlush: (() => void) | null = null

  constructor(options: GuardsOptions) {
    this.#o = options
  }

  close(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = null
  }

  /** Looks at what the kernel has and makes it so. True if this process had made it so before, and somebody changed it. */
  repair(ns: NamespacePath, state: GuardState): boolean {
    this.#flushOne(ns)
    const known = this.#guarded.has(ns)
    this.#note(ns, state)
    if (this.#o.kernel.guardMatches(ns, state)) return false
    this.#o.kernel.applyGuard(ns, state)
    return known
  }

  /** As `repair`, of what is known to be wanted. */
  look(ns: NamespacePath): boolean {
    const guarded = this.#guarded.get(ns)
    return guarded !== undefined && this.repair(ns, { ...guarded.state, ports: [...guarded.ports.values()] })
  }

  /** Of a bridge that has just been made. */
  make(ns: NamespacePath, state: GuardState): void {
    this.#o.kernel.applyGuard(ns, state)
    this.#note(ns, state)
  }

  has(ns: NamespacePath): boolean {
    return this.#guarded.has(ns)
  }

  add(ns: NamespacePath, port: GuardPort): void {
    const guarded = this.#guarded.get(ns)
    if (!guarded) return
    const before = guarded.gone.get(port.device) ?? guarded.ports.get(port.device)
    this.#o.kernel.changeGuard(ns, before ? [before] : [], [port])
    guarded.gone.delete(port.device)
    guarded.ports.set(port.device, port)
  }

  /** A port that is there no more. */
  remove(ns: NamespacePath, device: string): void {
    const guarded = this.#guarded.get(ns)
    const port = guarded?.ports.get(device)
    if (!guarded || !port) return
    guarded.ports.delete(device)
    guarded.gone.set(device, port)
    this.#cancelFlush ??= this.#o.clock.after(GUARD_FLUSH_MS, () => this.#flush())
  }

  /** The bridge is gone, and its guard with it: of itself, or (`remove`) taken out here. One that will not go stays known. */
  forget(ns: NamespacePath, remove = false): void {
    if (remove && this.#guarded.has(ns)) this.#o.kernel.applyGuard(ns, null)
    this.#guarded.delete(ns)
  }

  namespaces(): NamespacePath[] {
    return [...this.#guarded.keys()]
  }

  #note(ns: NamespacePath, state: GuardState): void {
    const ports = new Map(state.ports.map((port) => [port.device, port]))
    this.#guarded.set(ns, { state: { ...state, ports: [] }, ports, gone: new Map() })
  }

  #flush(): void {
    this.#cancelFlush = null
    for (const ns of this.#guarded.keys()) this.#flushOne(ns)
  }

  /** What cannot be taken out is found by the next look. */
  #flushOne(ns: NamespacePath): void {
    const gone = this.#guarded.get(ns)?.gone
    if (!gone || gone.size === 0) return
    try {
      this.#o.kernel.changeGuard(ns, [...gone.values()], [])
    } catch {
      // Somebody has taken it away, or the namespace.
    }
    gone.clear()
  }
}
