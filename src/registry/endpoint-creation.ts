/**
 * One decision on new endpoints: which address, MAC and name each gets, who else has a claim to them, and what the store
 * must still say for all of that to hold when it is committed.
 */
import { OvlError } from "../base/errors.ts"
import { MAC_ATTEMPTS_MAX, NETWORKS_PER_WORKLOAD_MAX } from "../base/limits.ts"
import { type Family, familyOf, holds } from "../model/address.ts"
import { formatIpv4, parseIpv4 } from "../model/cidr.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import {
  type AddressPool,
  addressPools,
  allocate,
  cursorOf,
  type NetworkCursor,
  poolFor,
  poolWithRoom,
  reserve,
  withCursor,
} from "../model/ipam.ts"
import { ipv4OfMac, macInvalid, macOfIpv4, macOfIpv6 } from "../model/mac.ts"
import { DEFAULT_TENANT, endpointName, foldName } from "../model/names.ts"
import type { NetworkRecord } from "../model/network.ts"
import { mappingsOverlap, type PortMapping, portTaken } from "../model/port-mapping.ts"
import type { Compare, Operation, Store } from "../store/port.ts"
import { decode, entriesBelow, put, read, readVersioned } from "./codec.ts"
import type { Decision } from "./decisions.ts"
import { addressMisplaced, addressTaken, macTaken, nameTaken, tooManyNetworks } from "./endpoint-refusals.ts"
import { endpointRecord, hasListedMac, type WorkloadName } from "./endpoint-removal.ts"
import * as keys from "./keys.ts"
import { networkNotFound } from "./networks.ts"
import { memberNode } from "./nodes.ts"
import type { EndpointSpec } from "./port.ts"

/** A wish that is right in itself, with the id that the endpoint will have. */
export interface EndpointWish {
  id: string
  spec: EndpointSpec
  /** Addresses that were asked for, as canonical text: one of each family at most. */
  asked: string[]
  mac: string | null
}

/** An address of an endpoint to be, and the pool it is from. */
interface Chosen {
  pool: AddressPool
  address: string
}

/** What a network hands out during one decision. */
interface Allotment {
  network: NetworkRecord
  pools: AddressPool[]
  cursor: NetworkCursor
  cursorRevision: number
  addresses: Map<string, string>
  macs: Map<string, string>
}

/** One decision on new endpoints: it sees the store and what it has itself given away already. */
export class EndpointCreation {
  readonly #store: Store
  readonly #created: string
  readonly #compare: Compare[] = []
  readonly #operations: Operation[] = []
  readonly #allotments = new Map<string, Allotment>()
  readonly #names = new Map<string, { record: WorkloadName; modRevision: number; created: EndpointRecord[] }>()
  readonly #nodes = new Set<string>()

  constructor(store: Store, created: string) {
    this.#store = store
    this.#created = created
  }

  /** Addresses that were asked for come first, so that none of them is chosen for a neighbour in the same call. */
  decide(wishes: EndpointWish[]): Decision<EndpointRecord[]> {
    const byId = new Map<string, EndpointRecord>()
    for (const wish of wishes) for (const address of wish.asked) this.#reserveAddress(wish, address)
    for (const wish of wishes) byId.set(wish.id, this.#create(wish, this.#chooseAddresses(wish)))
    for (const { network, cursor, cursorRevision } of this.#allotments.values()) {
      const key = keys.addressCursorKey(network.id)
      this.#compare.push({ key, modRevision: cursorRevision }, { key: keys.networkKey(network.id), exists: true })
      this.#operations.push(put(key, cursor))
    }
    for (const [name, { record, modRevision }] of this.#names) {
      const key = keys.workloadKey(DEFAULT_TENANT, name)
      this.#compare.push({ key, modRevision })
      this.#operations.push(put(key, record))
    }
    return { compare: this.#compare, operations: this.#operations, result: wishes.map((wish) => byId.get(wish.id)!) }
  }

  #allotment(networkId: string): Allotment {
    const known = this.#allotments.get(networkId)
    if (known) return known
    const network = read<NetworkRecord>(this.#store, keys.networkKey(networkId))
    const { value: cursor, modRevision } = readVersioned<NetworkCursor>(this.#store, keys.addressCursorKey(networkId))
    if (!network || !cursor) throw networkNotFound(networkId)
    const pools = addressPools(network)
    const allotment = { network, pools, cursor, cursorRevision: modRevision, addresses: new Map(), macs: new Map() }
    this.#allotments.set(networkId, allotment)
    return allotment
  }

  #reserveAddress(wish: EndpointWish, address: string): void {
    const allotment = this.#allotment(wish.spec.networkId)
    const { network, pools, cursor } = allotment
    const pool = poolFor(pools, address)
    if (!pool) throw addressMisplaced(address, network)
    const reserved = reserve(pool, cursorOf(cursor, pool), address)
    const taker = this.#ownerOf(allotment, address)
    if (taker !== undefined) throw addressTaken(address, network, this.#nameOf(taker))
    allotment.cursor = withCursor(cursor, pool, reserved)
    allotment.addresses.set(address, wish.id)
  }

  #ownerOf({ network, addresses }: Allotment, address: string): string | undefined {
    return addresses.get(address) ?? read<string>(this.#store, keys.addressKey(network.id, address))
  }

  /** One of each family that the network has, IPv4 first: what was asked for, or the next one. */
  #chooseAddresses(wish: EndpointWish): Chosen[] {
    const allotment = this.#allotment(wish.spec.networkId)
    const families = new Set(allotment.pools.map(({ subnet }) => subnet.family))
    return [...families].map((family) => {
      const address = wish.asked.find((each) => familyOf(each) === family)
      if (address === undefined) return this.#nextAddress(allotment, family, wish.id)
      return { pool: poolFor(allotment.pools, address)!, address }
    })
  }

  #nextAddress(allotment: Allotment, family: Family, id: string): Chosen {
    const ofFamily = allotment.pools.filter(({ subnet }) => subnet.family === family)
    const pool = poolWithRoom(ofFamily, allotment.cursor)
    const isTaken = (address: string) => this.#ownerOf(allotment, address) !== undefined
    const { address, cursor } = allocate(pool, cursorOf(allotment.cursor, pool), isTaken)
    allotment.cursor = withCursor(allotment.cursor, pool, cursor)
    allotment.addresses.set(address, id)
    return { pool, address }
  }

  #create(wish: EndpointWish, chosen: readonly Chosen[]): EndpointRecord {
    const { spec, id } = wish
    const allotment = this.#allotment(spec.networkId)
    const { network } = allotment
    this.#useNode(spec.nodeId)
    if (this.#store.get(keys.endpointKey(id)))
      throw new OvlError("id_taken", `endpoint ${spec.name}: its id is in use`, { kind: "conflict" })
    const endpoint: EndpointRecord = {
      id,
      networkId: network.id,
      nodeId: spec.nodeId,
      workload: spec.workload,
      name: spec.name,
      ip: withPrefix(chosen[0]!),
      ...(chosen[1] ? { ip6: withPrefix(chosen[1]) } : {}),
      mac: wish.mac ?? this.#macFor(allotment, chosen),
      ifname: spec.ifname,
      netns: spec.netns,
      netnsId: spec.netnsId,
      origin: spec.origin,
      egress: spec.egress,
      ...(spec.ports?.length ? { ports: spec.ports } : {}),
      state: "up",
      created: this.#created,
    }
    this.#claimMac(endpoint)
    this.#claimName(endpoint, network)
    this.#claimPorts(endpoint)
    this.#compare.push({ key: keys.endpointKey(id), exists: false })
    this.#operations.push(put(keys.endpointKey(id), endpoint), put(keys.nodeEndpointKey(spec.nodeId, id), id))
    for (const { address } of chosen) {
      const key = keys.addressKey(network.id, address)
      this.#compare.push({ key, exists: false })
      this.#operations.push(put(key, id))
    }
    return endpoint
  }

  /** 02:42 and the IPv4 address; without one, a hash of the IPv6 address that nobody in the network has. */
  #macFor({ network, macs }: Allotment, chosen: readonly Chosen[]): string {
    const first = chosen[0]!.address
    const ipv4 = parseIpv4(first)
    if (ipv4 !== null) return macOfIpv4(ipv4)
    for (let attempt = 0; attempt < MAC_ATTEMPTS_MAX; attempt++) {
      const mac = macOfIpv6(first, attempt)
      if (!macs.has(mac) && !this.#store.get(keys.macKey(network.id, mac))) return mac
    }
    throw new OvlError("macs_exhausted", `address ${first}: no free MAC was found`, { hint: "ask for one with --mac" })
  }

  /** Its record is compared: a node that leaves at the same moment gets no endpoint any more. */
  #useNode(nodeId: string): void {
    if (this.#nodes.has(nodeId)) return
    const { modRevision } = memberNode(this.#store, nodeId)
    this.#nodes.add(nodeId)
    this.#compare.push({ key: keys.nodeKey(nodeId), modRevision })
  }

  /** A MAC that stands for another address of the subnet belongs to whoever gets that address. */
  #claimMac(endpoint: EndpointRecord): void {
    if (!hasListedMac(endpoint)) return
    const { network, pools, macs } = this.#allotment(endpoint.networkId)
    const meant = ipv4OfMac(endpoint.mac)
    if (meant !== null && pools.some(({ subnet }) => holds(subnet, { family: 4, value: BigInt(meant) }))) {
      const hint = `ask for the address ${formatIpv4(meant)} too, or leave the MAC out`
      throw macInvalid(endpoint.mac, `belongs to the address ${formatIpv4(meant)}`, hint)
    }
    const key = keys.macKey(network.id, endpoint.mac)
    const taker = macs.get(endpoint.mac) ?? read<string>(this.#store, key)
    if (taker !== undefined) throw macTaken(endpoint.mac, network, this.#nameOf(taker))
    macs.set(endpoint.mac, endpoint.id)
    this.#compare.push({ key, exists: false })
    this.#operations.push(put(key, endpoint.id))
  }

  /**
   * A workload's name belongs to one node while it has an endpoint. Within it, one endpoint has the name itself, further
   * ones `<workload>.<network>`: those take no name from anybody, as an exact name wins over them.
   */
  #claimName(endpoint: EndpointRecord, network: NetworkRecord): void {
    const { workload, name } = endpoint
    const qualified = foldName(endpointName(workload, network.name, false))
    const exact = foldName(name) === foldName(workload)
    if (!exact && foldName(name) !== qualified) {
      const hint = `it is ${workload} or ${endpointName(workload, network.name, false)}`
      throw new OvlError("name_invalid", `endpoint name ${name}: not one of workload ${workload}`, {
        kind: "usage",
        hint,
      })
    }
    const claim = this.#claim(foldName(workload), endpoint.nodeId)
    const others = claim.record.endpointIds.map((id) => this.#endpointOf(claim.created, id))
    if (claim.record.nodeId !== endpoint.nodeId || others.some((other) => foldName(other.name) === foldName(name))) {
      throw nameTaken(name, this.#store, claim.record.nodeId)
    }
    if (others.length >= NETWORKS_PER_WORKLOAD_MAX) throw tooManyNetworks(workload)
    claim.record.endpointIds.push(endpoint.id)
    claim.created.push(endpoint)
  }

  /** Ports of its node that lead to it: nobody else's there. Whoever listens on one, only the node itself can see. */
  #claimPorts({ id, nodeId, ports = [] }: EndpointRecord): void {
    if (ports.length === 0) return
    const prefix = keys.portsPrefix(nodeId)
    const taken: { mapping: PortMapping; endpointId: string }[] = [...entriesBelow(this.#store, prefix)].map(
      (entry) => {
        return { mapping: decode<PortMapping>(entry), endpointId: entry.key.slice(entry.key.lastIndexOf("/") + 1) }
      },
    )
    for (const mapping of ports) {
      const other = taken.find((each) => mappingsOverlap(each.mapping, mapping))
      if (other) throw portTaken(mapping, other.endpointId === id ? "the same call" : this.#nameOf(other.endpointId))
      taken.push({ mapping, endpointId: id })
      const key = keys.portKey(nodeId, mapping, id)
      this.#compare.push({ key, exists: false })
      this.#operations.push(put(key, mapping))
    }
  }

  #claim(name: string, nodeId: string) {
    const known = this.#names.get(name)
    if (known) return known
    const { value, modRevision } = readVersioned<WorkloadName>(this.#store, keys.workloadKey(DEFAULT_TENANT, name))
    const claim = { record: value ?? { nodeId, endpointIds: [] }, modRevision, created: [] }
    this.#names.set(name, claim)
    return claim
  }

  #endpointOf(created: EndpointRecord[], id: string): EndpointRecord {
    return created.find((endpoint) => endpoint.id === id) ?? endpointRecord(this.#store, id)
  }

  #nameOf(endpointId: string): string {
    return read<EndpointRecord>(this.#store, keys.endpointKey(endpointId))?.name ?? "another of this call"
  }
}

function withPrefix({ address, pool }: Chosen): string {
  return `${address}/${pool.subnet.prefix}`
}
