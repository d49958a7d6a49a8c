/**
 * What this node must see to before it publishes ports for a workload: that each is an address of its own, that nobody
 * listens there, and that no other workload has it or is just about to get it.
 */
import { OvlError } from "../base/errors.ts"
import type { Listener } from "../linux/listeners.ts"
import { bareIp } from "../model/address.ts"
import type { HostFacts } from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import { ANY_IPV6, type HostPorts, mappingsOverlap, type PortMapping, portTaken } from "../model/port-mapping.ts"
import { hostPortsText } from "../model/port-text.ts"

export interface PublishedPortsOptions {
  /** This node's endpoints. */
  endpoints: () => Iterable<EndpointRecord>
  listeners: () => readonly Listener[]
  addresses: () => HostFacts["addresses"]
}

export class PublishedPorts {
  readonly #o: PublishedPortsOptions
  /** Mappings that attaches under way will have, and for which workload. */
  readonly #promised = new Map<PortMapping, string>()

  constructor(options: PublishedPortsOptions) {
    this.#o = options
  }

  /** Keeps the ports for this workload until `release`. Errors: port_taken (conflict), address_not_here. */
  promise(workload: string, mappings: readonly PortMapping[]): { release: () => void } {
    const release = () => {
      for (const mapping of mappings) this.#promised.delete(mapping)
    }
    if (mappings.length === 0) return { release }
    const taken = this.#taken()
    const own = new Set(this.#o.addresses().map(({ address }) => bareIp(address)))
    try {
      for (const mapping of mappings) {
        const { address } = mapping
        if (address !== null && address !== ANY_IPV6 && !own.has(address) && !address.startsWith("127."))
          throw notHere(mapping)
        const other = taken.find((each) => mappingsOverlap(each.ports, mapping))
        if (other) throw portTaken(mapping, other.owner)
        this.#promised.set(mapping, workload)
        taken.push({ ports: mapping, owner: "the same call" })
      }
    } catch (error) {
      release()
      throw error
    }
    return { release }
  }

  #taken(): { ports: HostPorts; owner: string }[] {
    const taken: { ports: HostPorts; owner: string }[] = []
    for (const { workload, ports } of this.#o.endpoints())
      for (const mapping of ports ?? []) taken.push({ ports: mapping, owner: `workload ${workload}` })
    for (const [mapping, workload] of this.#promised) taken.push({ ports: mapping, owner: `workload ${workload}` })
    for (const { protocol, address, port } of this.#o.listeners())
      taken.push({ ports: { protocol, address, hostPort: port, count: 1 }, owner: "a program of this host" })
    return taken
  }
}

function notHere(mapping: PortMapping): OvlError {
  return new OvlError("address_not_here", `port ${hostPortsText(mapping)}: no address of this node`, {
    kind: "invalid",
    hint: "name one that `ip address` shows, or leave it out for all of them",
  })
}
