/**
 * Which of this node's endpoints are to be in its kernel: not those whose attach is under way, which puts them there
 * itself, nor those whose namespace is gone.
 */
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { Viewpoint } from "../overlay/desired.ts"
import { type Expectation, Expected } from "./expected.ts"

export interface PresenceOptions {
  kernel: Pick<Kernel, "identify">
  catalog: Pick<Catalog, "endpointsOfNode">
  nodeId: string
}

export class Presence {
  readonly #o: PresenceOptions
  readonly #expected = new Expected()

  constructor(options: PresenceOptions) {
    this.#o = options
  }

  /** Says which endpoints an attach is about to make: until it has, or has settled, nobody else puts them into the kernel. */
  expect(specs: readonly Expectation[]): { settle: () => void } {
    return this.#expected.add(specs)
  }

  /** They are in the kernel. */
  made(endpoints: readonly Expectation[]): void {
    this.#expected.made(endpoints)
  }

  isExpected(endpoint: Expectation): boolean {
    return this.#expected.has(endpoint)
  }

  /** The endpoint's namespace is there, and is the one that it was attached to. */
  isPresent(endpoint: EndpointRecord): boolean {
    const found = endpoint.netns === null ? null : this.#o.kernel.identify(endpoint.netns)
    return found !== null && (endpoint.netnsId === null || found === endpoint.netnsId)
  }

  /** Own endpoints that are not to be in the kernel: their attach is under way, or (`looking`) their namespace is gone. */
  view(looking: (endpoint: EndpointRecord) => boolean): Viewpoint & { absent: Set<string> } {
    const absent = new Set<string>()
    for (const endpoint of this.#o.catalog.endpointsOfNode(this.#o.nodeId)) {
      if (this.isExpected(endpoint) || (looking(endpoint) && !this.isPresent(endpoint))) absent.add(endpoint.id)
    }
    return { nodeId: this.#o.nodeId, absent }
  }

  /** Other own endpoints that are not to be in the kernel while these are put there. */
  othersUnderWay(endpoints: readonly EndpointRecord[]): Set<string> {
    const { absent } = this.view(() => false)
    for (const endpoint of endpoints) absent.delete(endpoint.id)
    return absent
  }
}
