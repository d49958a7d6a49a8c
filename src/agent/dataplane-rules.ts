/**
 * The host's rules as the catalog wants them. What they depend on makes a key: while it stays the same, following a
 * change costs nothing; a look at the rules themselves is for when somebody may have touched them.
 */
import { RULES_TOLD_MAX } from "../base/limits.ts"
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import { type FirewallState, portsOfFamily, type PublishedPort } from "../model/dataplane.ts"
import { showPortMapping } from "../model/port-text.ts"
import { desiredFirewall, publishedPorts } from "../overlay/desired.ts"
import { forwardingDevices } from "../overlay/egress.ts"
import { egressIpv6Rules } from "../overlay/egress-ipv6.ts"
import type { Repair } from "./dataplane-repairs.ts"

export interface RulesOptions {
  kernel: Kernel
  catalog: Catalog
  nodeId: string
  /** The address of the egress bridge, which it has or will get. */
  egressAddress: () => string
  /** The same of IPv6; null where nothing wants it. */
  egressIpv6: () => string | null
  /** Told what is published, each time that the rules were made. */
  onPublished: (ports: readonly PublishedPort[]) => void
}

export class Rules {
  readonly #o: RulesOptions
  /** Which rules stand, as a key; null: not known. */
  #key: string | null = null
  /** What was published when the rules were last made; null: not known. */
  #published: readonly PublishedPort[] | null = null

  constructor(options: RulesOptions) {
    this.#o = options
  }

  /** Makes them fit what is there: any network, any egress. */
  ensure(networks: boolean, egress: boolean): void {
    const key = this.#keyOf(networks, egress)
    if (key === this.#key) return
    this.#o.kernel.applyFirewall(this.#wanted(networks, egress))
    this.#key = key
    this.#publish(egress, false)
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
    this.#publish(egress, difference.length > 0)
    return before === key ? difference : []
  }

  #keyOf(networks: boolean, egress: boolean): string {
    const { catalog } = this.#o
    const members = networks ? [...catalog.nodes.values()].map((node) => `${node.state} ${node.address}`).join() : ""
    const published = egress ? this.#wantedPorts().map((each) => `${showPortMapping(each)} ${each.to} ${each.to6}`) : []
    const ipv6 = egress ? this.#o.egressIpv6() : null
    return `${networks} ${egress} ${members} ${published.join()} ${ipv6}`
  }

  #wantedPorts(): PublishedPort[] {
    return publishedPorts(this.#o.catalog, this.#o.nodeId)
  }

  /**
   * The rules are as wanted now. Connections that began by other rules are told apart by what has changed; where somebody
   * had taken rules away (`all`), by all that is published.
   */
  #publish(egress: boolean, all: boolean): void {
    const before = this.#published
    const now = egress ? this.#wantedPorts() : []
    this.#published = now
    this.#o.onPublished(now)
    if (before === null) return
    const text = (each: PublishedPort) => `${showPortMapping(each)} ${each.to} ${each.to6}`
    const [old, fresh] = [new Set(before.map(text)), new Set(now.map(text))]
    const gone = before.filter((each) => !fresh.has(text(each)))
    const changed = [...gone, ...now.filter((each) => all || !old.has(text(each)))]
    const both = (ports: readonly PublishedPort[]) => [...portsOfFamily(ports, 4), ...portsOfFamily(ports, 6)]
    if (changed.length > 0) this.#o.kernel.forgetConnections(both(changed), both(now))
  }

  #wanted(networks: boolean, egress: boolean): FirewallState {
    const { catalog, kernel, egressAddress, egressIpv6 } = this.#o
    const facts = kernel.hostFacts()
    const address = egress ? egressIpv6() : null
    const ipv6 = address === null ? null : egressIpv6Rules(address, kernel.ipv6Facts(), facts)
    const bridge = egress ? { address: egressAddress(), forwarding: forwardingDevices(facts) } : null
    return desiredFirewall(catalog, networks, bridge, facts, egress ? this.#wantedPorts() : [], ipv6)
  }
}

/** What is told of rules that were set right: after `iptables -F` it would be the whole rule set, so only the first few. */
export function rulesRepair(lines: readonly string[]): Repair {
  const more = lines.length > RULES_TOLD_MAX ? [`and ${lines.length - RULES_TOLD_MAX} more`] : []
  const found = [...lines.slice(0, RULES_TOLD_MAX), ...more].join("; ")
  const finding = { object: "iptables rules", expected: "as ovl made them", found: `not so: ${found}` }
  return { findings: [finding], plan: `iptables-restore --noflush: ${found}` }
}
