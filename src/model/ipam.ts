/**
 * Which address an endpoint gets. As Docker's serial allocation does: the one after the last that was given, round and
 * round, so that a freed address is not met again by peers that still remember its old owner. On top of that, the
 * addresses freed last are kept back, oldest first to return, until nothing else is free.
 *
 * The state is one small record for each subnet and a function that says whether an address is taken, so that an
 * attach costs the same in a network of ten and of ten thousand. Addresses come in and go out as their canonical text;
 * inside they are places: the number itself for IPv4, the distance from where the pool begins for IPv6.
 */
import { OvlError } from "../base/errors.ts"
import { FREED_ADDRESSES_MAX, IPV6_POOL_MAX_ADDRESSES } from "../base/limits.ts"
import {
  type Family,
  firstHostIp,
  formatIp,
  formatSubnet,
  holds,
  holdsSubnet,
  type Ip,
  lastAddress,
  lastHostIp,
  parseIp,
  parseSubnet,
  type Subnet,
  whyNoHost,
} from "./address.ts"
import { assert } from "../base/assert.ts"

/** Both ends included. */
export interface Interval {
  first: number
  last: number
}

/** The first free number after `last`, going round once; null when none is free. `last` null begins at the beginning. */
export function nextFit(interval: Interval, last: number | null, isTaken: (value: number) => boolean): number | null {
  const size = interval.last - interval.first + 1
  let value = last === null || last < interval.first || last >= interval.last ? interval.first : last + 1
  for (let tried = 0; tried < size; tried++) {
    if (!isTaken(value)) return value
    value = value === interval.last ? interval.first : value + 1
  }
  return null
}

/** Where the addresses of one subnet of a network come from. */
export interface AddressPool {
  subnet: Subnet
  /** Of its family, in its network. */
  isFirst: boolean
  /** Canonical text. */
  gateway: string
  /** What place 0 stands for. */
  origin: bigint
  /** What `--ip-range` and the subnet leave for addresses that are chosen, less the gateway. */
  interval: Interval
}

/** What is remembered between two allocations. */
export interface AddressCursor {
  /** Place of the last address that was chosen (not asked for); null in a new network. */
  last: number | null
  /** How many addresses of the pool's interval are taken. */
  taken: number
  /** Places of the interval freed last, oldest first: at most FREED_ADDRESSES_MAX. */
  freed: number[]
}

export const NEW_CURSOR: AddressCursor = { last: null, taken: 0, freed: [] }

/**
 * What is kept of a network: the cursor of its first IPv4 subnet and, once they were needed, those of its first IPv6
 * subnet and of the further ones of either family, by subnet.
 */
export interface NetworkCursor extends AddressCursor {
  ipv6?: AddressCursor
  further?: Record<string, AddressCursor>
}

export function cursorOf(kept: NetworkCursor, { subnet, isFirst }: AddressPool): AddressCursor {
  if (!isFirst) return kept.further?.[formatSubnet(subnet)] ?? NEW_CURSOR
  return subnet.family === 4 ? kept : (kept.ipv6 ?? NEW_CURSOR)
}

export function withCursor(kept: NetworkCursor, pool: AddressPool, cursor: AddressCursor): NetworkCursor {
  const { subnet, isFirst } = pool
  if (!isFirst) return { ...kept, further: { ...kept.further, [formatSubnet(subnet)]: cursor } }
  return subnet.family === 4 ? { ...kept, ...cursor } : { ...kept, ipv6: cursor }
}

export interface PoolSource {
  subnets: readonly { subnet: string; gateway: string }[]
  ipRange: string | null
}

/** The pools of a network as its record says, in the order of its subnets. The record was checked when it was made. */
export function addressPools({ subnets, ipRange }: PoolSource): AddressPool[] {
  const seen = new Set<Family>()
  return subnets.map(({ subnet: text, gateway }) => {
    const subnet = parseSubnet(text)
    const isFirst = !seen.has(subnet.family)
    seen.add(subnet.family)
    return { isFirst, ...addressPool(subnet, gateway, ipRange) }
  })
}

/** A range of the other family, or of another subnet, is not this pool's. */
function addressPool(subnet: Subnet, gateway: string, ipRange: string | null): Omit<AddressPool, "isFirst"> {
  const asked = ipRange === null ? subnet : parseSubnet(ipRange)
  const range = holdsSubnet(subnet, asked) ? asked : subnet
  const origin = subnet.family === 4 ? 0n : range.address
  const first = greater(range.address, firstHostIp(subnet)) - origin
  const end = lesser(lastAddress(range), lastHostIp(subnet)) - origin
  const last = subnet.family === 4 ? end : lesser(end, BigInt(IPV6_POOL_MAX_ADDRESSES))
  return { subnet, gateway, origin, interval: { first: Number(first), last: Number(last) } }
}

function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/**
 * Of pools of one family, the first that has an address for who asks for none: the next one is begun when not even an
 * address that is kept back is left. Errors: `addresses_exhausted` (conflict) when all are full.
 */
export function poolWithRoom(pools: readonly AddressPool[], kept: NetworkCursor): AddressPool {
  const found = pools.find((pool) => {
    const { taken, freed } = cursorOf(kept, pool)
    return freed.length > 0 || taken < poolCapacity(pool)
  })
  if (found === undefined) throw exhausted(pools)
  return found
}

/** How many endpoints can have an address that they did not ask for. */
export function poolCapacity(pool: AddressPool): number {
  return pool.interval.last - pool.interval.first + 1 - (placeOf(pool, pool.gateway) === null ? 0 : 1)
}

/**
 * The next address in order and the cursor after it.
 * Errors: `addresses_exhausted` (conflict).
 */
export function allocate(
  pool: AddressPool,
  cursor: AddressCursor,
  isTaken: (address: string) => boolean,
): { address: string; cursor: AddressCursor } {
  const capacity = poolCapacity(pool)
  const held = new Set(cursor.freed)
  if (cursor.taken + held.size < capacity) {
    const gateway = placeOf(pool, pool.gateway)
    const refused = (place: number) => place === gateway || held.has(place) || isTaken(textOf(pool, place))
    const place = nextFit(pool.interval, cursor.last, refused)
    if (place !== null) {
      return { address: textOf(pool, place), cursor: { ...cursor, last: place, taken: cursor.taken + 1 } }
    }
  }
  const [oldest, ...freed] = cursor.freed
  if (oldest === undefined) throw exhausted([pool])
  return { address: textOf(pool, oldest), cursor: { last: oldest, taken: cursor.taken + 1, freed } }
}

/**
 * The cursor after an address that was asked for. It does not move on: who asks for .200 does not want .201 next.
 * Errors: `address_invalid` (invalid) when it lies outside the subnet or is the gateway's, the network's or broadcast.
 */
export function reserve(pool: AddressPool, cursor: AddressCursor, address: string): AddressCursor {
  const { subnet } = pool
  const why = whyNoHost(subnet, ipOf(address)) ?? (address === pool.gateway ? "it is the gateway's" : null)
  if (why !== null) {
    const ends = [firstHostIp(subnet), lastHostIp(subnet)]
    if (ipText(subnet, ends[0]!) === pool.gateway) ends[0]!++
    const hint = `choose one of ${ends.map((value) => ipText(subnet, value)).join(" to ")}`
    throw new OvlError("address_invalid", `address ${address}: ${why}`, { kind: "invalid", hint })
  }
  const place = placeOf(pool, address)
  if (place === null) return cursor
  return { ...cursor, taken: cursor.taken + 1, freed: cursor.freed.filter((other) => other !== place) }
}

/** The cursor after an address was given back. */
export function release(pool: AddressPool, cursor: AddressCursor, address: string): AddressCursor {
  const place = placeOf(pool, address)
  if (place === null) return cursor
  return { ...cursor, taken: cursor.taken - 1, freed: [...cursor.freed, place].slice(-FREED_ADDRESSES_MAX) }
}

/** Which of a network's pools an address belongs to. */
export function poolFor(pools: readonly AddressPool[], address: string): AddressPool | undefined {
  const ip = ipOf(address)
  return pools.find((pool) => holds(pool.subnet, ip))
}

/** The place of an address in the pool's interval; null outside it. */
function placeOf(pool: AddressPool, address: string): number | null {
  const place = ipOf(address).value - pool.origin
  const { first, last } = pool.interval
  return place >= BigInt(first) && place <= BigInt(last) ? Number(place) : null
}

function textOf(pool: AddressPool, place: number): string {
  return ipText(pool.subnet, pool.origin + BigInt(place))
}

function ipText({ family }: Subnet, value: bigint): string {
  return formatIp({ family, value })
}

function ipOf(address: string): Ip {
  const ip = parseIp(address)
  assert(ip, `not an address: ${address}`)
  return ip
}

function exhausted(pools: readonly AddressPool[]): OvlError {
  const ranges = pools.map((pool) => {
    const [first, last] = [pool.interval.first, pool.interval.last].map((place) => textOf(pool, place))
    return `${first} to ${last}`
  })
  return new OvlError("addresses_exhausted", `no free address in ${ranges.join(", ")}`, {
    kind: "conflict",
    hint: "detach an endpoint, or create a network with a larger subnet",
  })
}
