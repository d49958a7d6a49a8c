/** The watch over a `FakeWorld`: told of each change, and of which of them are the fake kernel's own. */
import { HOST_NAMESPACE, type NamespacePath } from "../model/dataplane.ts"
import type { FakeWorld } from "./fake-world.ts"
import type { KernelWatch, Touched } from "./port.ts"

export class FakeWatch implements KernelWatch {
  private namespaces: ReadonlySet<NamespacePath> = new Set()
  private ids = new Map<NamespacePath, number | undefined>()
  private byOthers = new Set<NamespacePath>()
  private byUs = new Set<NamespacePath>()
  private rules: Touched["rules"] = null
  private closed = false
  /** Set by a test: notices were lost. */
  lost = false

  constructor(private readonly world: FakeWorld) {}

  follow(namespaces: ReadonlySet<NamespacePath>): void {
    this.namespaces = new Set(namespaces)
    this.ids = new Map([...namespaces].map((path) => [path, this.world.namespaces.get(path)?.id]))
  }

  changed(namespaces: readonly NamespacePath[], ours: boolean): void {
    for (const path of namespaces) {
      if (this.closed || (path !== HOST_NAMESPACE && !this.namespaces.has(path))) continue
      const into = ours ? this.byUs : this.byOthers
      into.add(path)
    }
  }

  rulesChanged(by: "others" | "us"): void {
    if (!this.closed) this.rules = by
  }

  read(): Touched {
    const { byOthers, byUs, rules, lost } = this
    this.byOthers = new Set()
    this.byUs = new Set()
    this.rules = null
    this.lost = false
    return { byOthers, byUs, rules, everything: lost }
  }

  glance(): Touched {
    const byOthers = new Set(
      [...this.namespaces].filter((path) => this.world.namespaces.get(path)?.id !== this.ids.get(path)),
    )
    this.follow(this.namespaces)
    return { byOthers, byUs: new Set(), rules: null, everything: false }
  }

  close(): void {
    this.closed = true
    this.byOthers.clear()
    this.byUs.clear()
    this.rules = null
  }
}
