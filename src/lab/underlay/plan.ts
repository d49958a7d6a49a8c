/**
 * From what an underlay is to what it should be, as steps. Pure: wanted and observed in, steps out, none where nothing
 * is missing. What keeps stations apart comes last and by itself (`planApart`): the cluster is made while all are in touch.
 */
import { SWITCH } from "../places.ts"
import type { Cut } from "../topology.ts"
import type { UnderlayStep } from "./steps.ts"
import { bucketOf, HOST_LINK, type Station, SWITCH_BRIDGE, SWITCH_BRIDGE_INDEX, type WantedUnderlay } from "./wanted.ts"

export interface ObservedLink {
  index: number
  mtu: number
  up: boolean
  /** By name. */
  master: string | null
  rateBytes: number | null
}

/** A station's own namespace. */
export interface ObservedStation {
  loUp: boolean
  /** Its end of the cable. */
  link: ObservedLink | null
  /** IPv4, with prefix length. */
  addresses: string[]
  loopback: string[]
  gateway: string | null
}

export interface ObservedUnderlay {
  /** Null where there is no switch. */
  switch: { loUp: boolean; bridgeUp: boolean | null; ports: ReadonlyMap<string, ObservedLink> } | null
  stations: ReadonlyMap<string, ObservedStation>
  cuts: readonly Cut[]
}

export const NOTHING_YET: ObservedUnderlay = { switch: null, stations: new Map(), cuts: [] }

/** Everything but what keeps stations apart. */
export function planUnderlay(wanted: WantedUnderlay, observed: ObservedUnderlay): UnderlayStep[] {
  const steps: UnderlayStep[] = []
  if (observed.switch === null) steps.push({ do: "netns-add", ns: SWITCH })
  if (!observed.switch?.loUp) steps.push({ do: "lo-up", ns: SWITCH })
  if (observed.switch === null || observed.switch.bridgeUp === null) steps.push({ do: "bridge-add", ns: SWITCH })
  else if (!observed.switch.bridgeUp) steps.push({ do: "link-set", ns: SWITCH, name: SWITCH_BRIDGE, up: true })
  const ports = observed.switch?.ports ?? new Map<string, ObservedLink>()
  const indexes = new Set([...ports.values()].map((port) => port.index))
  for (const station of wanted.stations) {
    const own = observed.stations.get(station.name) ?? null
    steps.push(...planStation(station, own, ports.get(station.name) ?? null, indexes))
  }
  return steps
}

/** A cable whose ends are not both there is laid anew; the kernel takes the other end with it. */
function planStation(
  station: Station,
  own: ObservedStation | null,
  port: ObservedLink | null,
  indexes: Set<number>,
): UnderlayStep[] {
  const { name, mtu } = station
  const steps: UnderlayStep[] = []
  if (own === null) steps.push({ do: "netns-add", ns: name })
  if (!own?.loUp) steps.push({ do: "lo-up", ns: name })
  const link = own?.link && port ? own.link : null
  if (link === null) steps.push({ do: "cable-add", ns: SWITCH, station: name, index: freeIndex(indexes), mtu })
  const fresh = { up: false, mtu, master: null, rateBytes: null }
  // One that is unplugged, and should be, is left so: `planApart` sees to it.
  const near = link === null ? fresh : { ...port!, up: port!.up || !station.plugged }
  const far = link ?? { up: false, mtu, rateBytes: null }
  steps.push(...planLink(SWITCH, name, near, mtu, SWITCH_BRIDGE), ...planLink(name, HOST_LINK, far, mtu, null))
  steps.push(...planRate(SWITCH, name, near.rateBytes, station), ...planRate(name, HOST_LINK, far.rateBytes, station))
  const addresses = link === null ? [] : (own?.addresses ?? [])
  if (!addresses.includes(station.address))
    steps.push({ do: "addr-add", ns: name, name: HOST_LINK, address: station.address })
  if (station.loopback !== null) steps.push(...planOutside(station, addresses, own?.loopback ?? []))
  if (station.gateway !== null && (link === null || own?.gateway !== station.gateway))
    steps.push({ do: "route-replace", ns: name, name: HOST_LINK, via: station.gateway })
  return steps
}

function freeIndex(indexes: Set<number>): number {
  let index = SWITCH_BRIDGE_INDEX + 1
  while (indexes.has(index)) index++
  indexes.add(index)
  return index
}

type LinkNow = Pick<ObservedLink, "up" | "mtu"> & Partial<Pick<ObservedLink, "master">>

function planLink(ns: string, name: string, now: LinkNow, mtu: number, master: string | null): UnderlayStep[] {
  const change = {
    ...(now.mtu !== mtu && { mtu }),
    ...(master !== null && now.master !== master && { master }),
    ...(!now.up && { up: true }),
  }
  return Object.keys(change).length === 0 ? [] : [{ do: "link-set", ns, name, ...change }]
}

function planRate(ns: string, name: string, rateBytes: number | null, { rateBits, mtu }: Station): UnderlayStep[] {
  if (rateBits === null) return rateBytes === null ? [] : [{ do: "rate-del", ns, name }]
  if (rateBytes === bucketOf(rateBits, mtu).rateBytes) return []
  return [{ do: "rate-set", ns, name, rateBits, mtu }]
}

/** The outside has nothing but what the file says; a node may have further addresses that were given by hand. */
function planOutside({ name, address, loopback }: Station, addresses: string[], onLoopback: string[]): UnderlayStep[] {
  const steps: UnderlayStep[] = []
  for (const other of addresses)
    if (other !== address) steps.push({ do: "addr-del", ns: name, name: HOST_LINK, address: other })
  for (const other of onLoopback)
    if (other !== loopback && !other.startsWith("127."))
      steps.push({ do: "addr-del", ns: name, name: "lo", address: other })
  if (!onLoopback.includes(loopback!)) steps.push({ do: "addr-add", ns: name, name: "lo", address: loopback! })
  return steps
}

/** Whether all stations are in touch; the cables that are unplugged come after those that are cut. */
export function planTogether(observed: ObservedUnderlay): UnderlayStep[] {
  const steps: UnderlayStep[] = observed.cuts.length === 0 ? [] : [{ do: "cuts-set", ns: SWITCH, cuts: [] }]
  for (const [name, port] of observed.switch?.ports ?? [])
    if (!port.up) steps.push({ do: "link-set", ns: SWITCH, name, up: true })
  return steps
}

/** What keeps stations apart, and what is no longer cut. */
export function planApart(wanted: WantedUnderlay, observed: ObservedUnderlay): UnderlayStep[] {
  const steps: UnderlayStep[] = []
  if (textOf(wanted.cuts) !== textOf(observed.cuts)) steps.push({ do: "cuts-set", ns: SWITCH, cuts: wanted.cuts })
  for (const { name, plugged } of wanted.stations) {
    const port = observed.switch?.ports.get(name)
    // A cable that is laid now will be up; one that is to be plugged in was, by `planUnderlay`.
    if (!plugged && (port?.up ?? true)) steps.push({ do: "link-set", ns: SWITCH, name, up: false })
  }
  return steps
}

function textOf(cuts: readonly Cut[]): string {
  return cuts
    .map((cut) => cut.join(" "))
    .sort()
    .join()
}
