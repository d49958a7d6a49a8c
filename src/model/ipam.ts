/**
 * Which address an endpoint gets. As Docker's serial allocation does: the one after the last that was given, round and
 * round, so that a freed address is not met again by peers that still remember its old owner. On top of that, the
 * addresses freed last are kept back, oldest first to return, until nothing else is free.
 *
 * The state is one small record for each network and a function that says whether an address is taken, so that an
 * attach costs the same in a network of ten and of ten thousand.
 */
import { OvlError } from "../base/errors.ts"
import { FREED_ADDRESSES_MAX } from "../base/limits.ts"
import {
  broadcastOf,
  type Cidr,
  containsAddress,
  firstHost,
  formatCidr,
  formatIpv4,
  lastHost,
  parseCidr,
  parseIpv4,
} from "./cidr.ts"

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

/** Where the addresses of a network come from. */
export interface AddressPool {
  subnet: Cidr
  gateway: number
  /** What `--ip-range` and the subnet leave for addresses that are chosen, less the gateway. */
  interval: Interval
}

/** What is remembered between two allocations. */
export interface AddressCursor {
  /** The last address that was chosen (not asked for); null in a new network. */
  last: number | null
  /** How many addresses of the pool's interval are taken. */
  taken: number
  /** Addresses of the interval freed last, oldest first: at most FREED_ADDRESSES_MAX. */
  freed: number[]
}

export const NEW_CURSOR: AddressCursor = { last: null, taken: 0, freed: [] }

/** The pool of a network as its record says. The record was checked when it was made. */
export function addressPool(network: {
  subnets: { subnet: string; gateway: string }[]
  ipRange: string | null
}): AddressPool {
  const [only] = network.subnets
  const subnet = parseCidr(only?.subnet ?? "")
  const range = network.ipRange === null ? subnet : parseCidr(network.ipRange)
  const gateway = parseIpv4(only?.gateway ?? "") ?? firstHost(subnet)
  const first = Math.max(range.address, firstHost(subnet))
  const last = Math.min(broadcastOf(range), lastHost(subnet))
  return { subnet, gateway, interval: { first, last } }
}

/** How many endpoints can have an address that they did not ask for. */
export function poolCapacity(pool: AddressPool): number {
  return pool.interval.last - pool.interval.first + 1 - (inInterval(pool, pool.gateway) ? 1 : 0)
}

/**
 * The next address in order and the cursor after it.
 * Errors: `addresses_exhausted` (conflict).
 */
export function allocate(
  pool: AddressPool,
  cursor: AddressCursor,
  isTaken: (address: number) => boolean,
): { address: number; cursor: AddressCursor } {
  const capacity = poolCapacity(pool)
  const held = new Set(cursor.freed)
  if (cursor.taken + held.size < capacity) {
    const refused = (address: number) => address === pool.gateway || held.has(address) || isTaken(address)
    const address = nextFit(pool.interval, cursor.last, refused)
    if (address !== null) return { address, cursor: { ...cursor, last: address, taken: cursor.taken + 1 } }
  }
  const [oldest, ...freed] = cursor.freed
  if (oldest === undefined) throw exhausted(pool)
  return { address: oldest, cursor: { last: oldest, taken: cursor.taken + 1, freed } }
}

/**
 * The cursor after an address that was asked for. It does not move on: who asks for .200 does not want .201 next.
 * Errors: `address_invalid` (invalid) when it lies outside the subnet or is the gateway's, the network's or broadcast.
 */
export function reserve(pool: AddressPool, cursor: AddressCursor, address: number): AddressCursor {
  const why = whyNotHost(pool.subnet, address) ?? (address === pool.gateway ? "it is the gateway's" : null)
  if (why !== null) {
    const hint = `choose one of ${formatIpv4(firstHost(pool.subnet))} to ${formatIpv4(lastHost(pool.subnet))}`
    throw new OvlError("address_invalid", `address ${formatIpv4(address)}: ${why}`, { kind: "invalid", hint })
  }
  if (!inInterval(pool, address)) return cursor
  return { ...cursor, taken: cursor.taken + 1, freed: cursor.freed.filter((other) => other !== address) }
}

/** The cursor after an address was given back. */
export function release(pool: AddressPool, cursor: AddressCursor, address: number): AddressCursor {
  if (!inInterval(pool, address)) return cursor
  return { ...cursor, taken: cursor.taken - 1, freed: [...cursor.freed, address].slice(-FREED_ADDRESSES_MAX) }
}

/** Why an interface in the subnet cannot have the address, or null when it can. */
export function whyNotHost(subnet: Cidr, address: number): string | null {
  if (!containsAddress(subnet, address)) return `outside the subnet ${formatCidr(subnet)}`
  if (address === subnet.address) return "it is the network address"
  if (address === broadcastOf(subnet)) return "it is the broadcast address"
  return null
}

function inInterval(pool: AddressPool, address: number): boolean {
  return address >= pool.interval.first && address <= pool.interval.last
}

function exhausted(pool: AddressPool): OvlError {
  const { first, last } = pool.interval
  return new OvlError("addresses_exhausted", `no free address in ${formatIpv4(first)} to ${formatIpv4(last)}`, {
    kind: "conflict",
    hint: "detach an endpoint, or create a network with a larger subnet",
  })
}
