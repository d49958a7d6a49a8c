/**
 * The host's rules as the catalog wants them. What they depend on makes a key: while it stays the same, following a
 * change costs nothing; a look at the rules themselves is for when somebody may have touched them.
 */
import { RULES_TOLD_MAX } from "../base/limits.ts"
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import type { FirewallState, PublishedPort } from "../model/dataplane.ts"
import { showPortMapping } from "../model/port-text.ts"
import { desiredFirewall, publishedPorts } from "../overlay/desired.ts"
import { forwardingDevices } from "../overlay/egress.ts"
import type { Repair } from "./dataplane-repairs.ts"

export interface RulesOptions {
  kernel: Kernel
  catalog: Catalog
  nodeId: string
  /** The address of the egress bridge, which it has or will get. */
  egressAddress: () => string
}

export class Rules {
  readonly #o: RulesOptions
  /** Which rules stand, as a key; null: not known. */
  #key: string | null = null

  constructor(options: RulesOptions) {
    this.#o = options
  }

  /** Makes them fit what is there: any network, any egress. */
  ensure(networks: boolean, egress: boolean): void {
    const key = this.#keyOf(networks, egress)
    if (key === this.#key) return
    this.#o.kernel.applyFirewall(this.#wanted(networks, egress))
    this.#key = key
  }

  /** Looks at the rules themselves and makes them fit. What somebody had changed in them, a line each. */
  repair(networks: boolean, egress: boolean): string[] {
    const before = this.#key
    const key = this.#keyOf(networks, egress)
    const wanted = this.#wanted(networks, egress)
    const difference = this.#o.kernel.firewallDifference(wanted)
    if (difference.length > 0) {
      this.#key = null
      this.#o.kernel.applyFirewall(wanted)
    }
    this.#key = key
    return before === key ? difference : []
  }

  #keyOf(networks: boolean, egress: boolean): string {
    const { catalog } = this.#o
    const members = networks ? [...catalog.nodes.values()].map((node) => `${node.state} ${node.address}`).join() : ""
    const published = egress ? this.#published().map((each) => `${showPortMapping(each)} ${each.to}`) : []
    return `${networks} ${egress} ${members} ${published.join()}`
  }

  #published(): PublishedPort[] {
    return publishedPorts(this.#o.catalog, this.#o.nodeId)
  }

  #wanted(networks: boolean, egress: boolean): FirewallState {
    const { catalog, kernel, egressAddress } = this.#o
    const facts = kernel.hostFacts()
    const bridge = egress ? { address: egressAddress(), forwarding: forwardingDevices(facts) } : null
    return desiredFirewall(catalog, networks, bridge, facts, egress ? this.#published() : [])
  }
}

/** What is told of rules that were set right: after `iptables -F` it would be the whole rule set, so only the first few. */
export function rulesRepair(lines: readonly string[]): Repair {
  const more = lines.length > RULES_TOLD_MAX ? [`and ${lines.length - RULES_TOLD_MAX} more`] : []
  const found = [...lines.slice(0, RULES_TOLD_MAX), ...more].join("; ")
  const finding = { object: "iptables rules", expected: "as ovl made them", found: `not so: ${found}` }
  return { findings: [finding], plan: `iptables-restore --noflush: ${found}` }
}
