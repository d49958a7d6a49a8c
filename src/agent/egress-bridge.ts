/** Which addresses this node's egress bridge has or will get, of both families, and what is wanted of it altogether. */
import type { Kernel } from "../kernel/port.ts"
import type { Catalog } from "../model/catalog.ts"
import type { EgressState } from "../model/dataplane.ts"
import type { Problem } from "../model/node.ts"
import { desiredEgress, type Viewpoint } from "../overlay/desired.ts"
import { chooseEgressAddress } from "../overlay/egress.ts"
import {
  chooseEgressIpv6,
  currentEgressIpv6,
  egressIpv6,
  hasIpv6Subnet,
  IPV6_FORWARDING_KEY,
} from "../overlay/egress-ipv6.ts"
import { isIpv6Text } from "../overlay/steps.ts"
import type { Projection } from "./projection.ts"
import { egressConflicts, ipv6Conflicts, noIpv6Egress } from "./watch-conflicts.ts"

export interface EgressBridgeOptions {
  kernel: Kernel
  catalog: Catalog
  nodeId: string
  projection: Projection
}

export class EgressBridge {
  readonly #o: EgressBridgeOptions

  constructor(options: EgressBridgeOptions) {
    this.#o = options
  }

  /** The one it has, or the one it will get. Errors: egress_subnet_taken. */
  readonly address = (): string => {
    const { kernel, catalog, projection } = this.#o
    if (projection.egressAddress !== null) return projection.egressAddress
    const current = kernel.observeEgress()?.bridge.addresses.find((each) => !isIpv6Text(each)) ?? null
    return chooseEgressAddress(kernel.hostFacts(), catalog, current)
  }

  /** The same of IPv6. */
  readonly ipv6Address = (): string => {
    const { kernel, catalog, projection } = this.#o
    if (projection.egressIpv6 !== null) return projection.egressIpv6
    const current = currentEgressIpv6(kernel.observeEgress()?.bridge.addresses ?? [])
    return chooseEgressIpv6(kernel.hostFacts().addresses, kernel.ipv6Facts().routes, catalog, current)
  }

  /** Null where nothing wants it. What was switched on for it is guarded for as long as the bridge stands. */
  readonly wantedIpv6 = (): string | null => {
    const { kernel, projection, catalog } = this.#o
    if (projection.egressIpv6 !== null) return projection.egressIpv6
    // Asked with each change: a thousand endpoints are gone through only where one of them may have it.
    const mayHave = [...catalog.networks.values()].some(hasIpv6Subnet)
    // A record names the gateway that it was given; after a start the bridge may be gone.
    const gateway = mayHave ? this.#own().find(({ egress }) => egress?.ip6)?.egress?.gateway6 : null
    if (gateway) return `${gateway}/64`
    return kernel.hasSwitched(IPV6_FORWARDING_KEY) ? this.ipv6Address() : null
  }

  /** Null where no endpoint here has egress. */
  desired(view: Viewpoint): EgressState | null {
    const { catalog, kernel } = this.#o
    if (!this.#own().some((each) => each.egress !== null)) return null
    const facts = kernel.hostFacts()
    const address = this.wantedIpv6()
    const ipv6 = address === null ? null : egressIpv6(address, kernel.ipv6Facts(), facts)
    return desiredEgress(catalog, view, this.address(), facts, ipv6)
  }

  /** What stands in its way that is not ovl's. */
  conflicts(state: EgressState): Problem[] {
    const { kernel, catalog } = this.#o
    const without = this.#own().filter(
      ({ egress, networkId }) => egress !== null && !egress.ip6 && hasIpv6Subnet(catalog.networks.get(networkId)),
    )
    if (state.ipv6 === null && without.length === 0) return egressConflicts(kernel.hostFacts(), state.address)
    const ipv6 = kernel.ipv6Facts()
    return [
      ...egressConflicts(kernel.hostFacts(), state.address),
      ...(state.ipv6 === null ? [] : ipv6Conflicts(ipv6, state.ipv6.address)),
      ...(without.length === 0
        ? []
        : [
            noIpv6Egress(
              without.map(({ name }) => name),
              ipv6.missing,
            ),
          ]),
    ]
  }

  #own() {
    return this.#o.catalog.endpointsOfNode(this.#o.nodeId)
  }
}
