/**
 * What a workload may know by name: the workloads on its own networks, and nothing of any other. It is read straight
 * from the catalog, so that a name is as new as the rows in the kernel; beside it stands only where each address is.
 */
import { bareIp, holds, parseIp, parseSubnet } from "../model/address.ts"
import type { Catalog, ChangeBatch } from "../model/catalog.ts"
import { addressesOf, type EndpointRecord } from "../model/endpoint.ts"
import { foldName } from "../model/names.ts"
import type { NetworkRecord } from "../model/network.ts"
import { addressKey } from "./address.ts"

/** Who asks: an endpoint of this node, known by the address that it has on the network it asks through. */
export interface Asker {
  /** The network asked through first, then the others of its workload. */
  networks: NetworkRecord[]
}

/** `unknown`: it would be ours to know. `elsewhere`: others may know it. */
export type Found<T> = { known: T } | "unknown" | "elsewhere"

/** Where the addresses of one network are. */
type AddressIndex = Map<string, EndpointRecord>

export class Names {
  readonly #catalog: Catalog
  readonly #nodeId: string
  /** Of each network that is asked through on this node; null until the first question, as some are very large. */
  readonly #indexes = new Map<string, AddressIndex | null>()
  /** What stands in an index for an endpoint, as its record may be another by now. */
  readonly #entered = new Map<string, EndpointRecord>()

  constructor(catalog: Catalog, nodeId: string) {
    this.#catalog = catalog
    this.#nodeId = nodeId
  }

  /** Questions come from this network from now on. */
  open(networkId: string): void {
    if (!this.#indexes.has(networkId)) this.#indexes.set(networkId, null)
  }

  /** Undefined where no question is to come from the network. */
  #indexOf(networkId: string): AddressIndex | undefined {
    const index = this.#indexes.get(networkId)
    if (index !== null) return index
    const made: AddressIndex = new Map()
    this.#indexes.set(networkId, made)
    for (const endpoint of this.#catalog.endpointsOf(networkId)) this.#enter(endpoint)
    return made
  }

  close(networkId: string): void {
    const index = this.#indexes.get(networkId)
    this.#indexes.delete(networkId)
    for (const { id } of index?.values() ?? []) this.#entered.delete(id)
  }

  /** Follows a batch of changes, which the catalog holds already. */
  follow(batch: ChangeBatch): void {
    if (batch.snapshot) {
      const open = [...this.#indexes.keys()]
      this.#indexes.clear()
      this.#entered.clear()
      for (const id of open) this.open(id)
      return
    }
    for (const change of batch.changes) {
      if (change.type !== "endpoint") continue
      this.#leave(change.id)
      if (change.value) this.#enter(change.value)
    }
  }

  /** Null where no endpoint of this node has the address on this network. */
  asker(networkId: string, address: string): Asker | null {
    const own = this.#indexOf(networkId)?.get(addressKey(address))
    const through = this.#catalog.networks.get(networkId)
    if (own?.nodeId !== this.#nodeId || !through) return null
    const networks = [through]
    for (const { networkId: id, nodeId, netns } of this.#catalog.endpointsOfWorkload(own.workload)) {
      const network = id === networkId ? undefined : this.#catalog.networks.get(id)
      if (network && nodeId === own.nodeId && netns === own.netns) networks.push(network)
    }
    return { networks }
  }

  /**
   * The addresses of `<workload>` on the asker's networks in their order, or of `<workload>.<network>`; an exact name
   * wins. What is below the name of a network of the asker's is ours alone.
   */
  addressesOf(asker: Asker, name: string): Found<string[]> {
    const exact = this.#onNetworks(name, asker.networks)
    if (exact.length > 0) return { known: exact.flatMap(bareAddresses) }
    let found: Found<string[]> = "elsewhere"
    for (let dot = name.indexOf("."); dot > 0; dot = name.indexOf(".", dot + 1)) {
      const network = asker.networks.find((each) => foldName(each.name) === name.slice(dot + 1))
      if (!network) continue
      const qualified = this.#onNetworks(name.slice(0, dot), [network])
      if (qualified.length > 0) return { known: qualified.flatMap(bareAddresses) }
      found = "unknown"
    }
    return found
  }

  /** The names of an address: `<workload>`, then `<workload>.<network>`, of the first of the asker's networks that has it. */
  namesOf(asker: Asker, address: string): Found<string[]> {
    const ip = parseIp(address)
    let found: Found<string[]> = "elsewhere"
    for (const network of asker.networks) {
      const endpoint = this.#indexOf(network.id)?.get(address)
      if (endpoint) return { known: [endpoint.workload, `${endpoint.workload}.${network.name}`] }
      if (ip && network.subnets.some(({ subnet }) => holds(parseSubnet(subnet), ip))) found = "unknown"
    }
    return found
  }

  #onNetworks(workload: string, networks: readonly NetworkRecord[]): EndpointRecord[] {
    const endpoints = [...this.#catalog.endpointsOfWorkload(workload)]
    return endpoints.length === 0
      ? endpoints
      : networks.flatMap(({ id }) => endpoints.filter((endpoint) => endpoint.networkId === id))
  }

  #enter(endpoint: EndpointRecord): void {
    const index = this.#indexes.get(endpoint.networkId)
    if (!index) return
    for (const address of bareAddresses(endpoint)) index.set(addressKey(address), endpoint)
    this.#entered.set(endpoint.id, endpoint)
  }

  /** An address that has passed to another endpoint meanwhile stays with that one. */
  #leave(id: string): void {
    const endpoint = this.#entered.get(id)
    if (!endpoint) return
    this.#entered.delete(id)
    const index = this.#indexes.get(endpoint.networkId)
    for (const address of bareAddresses(endpoint))
      if (index?.get(addressKey(address))?.id === id) index.delete(addressKey(address))
  }
}

function bareAddresses(endpoint: EndpointRecord): string[] {
  return addressesOf(endpoint).map(bareIp)
}
