/**
 * What the underlay of a lab should be: one switch in a namespace of its own, a cable from it to each host and to the
 * outside, and what does not pass between them. Pure; the file's numbers in the kernel's terms.
 */
import { LAB_RATE_BURST_MIN_BYTES, LAB_RATE_BURST_MS, LAB_RATE_LATENCY_MS } from "../../base/limits.ts"
import { bare, type Cut, type Topology } from "../topology.ts"

export const SWITCH_BRIDGE = "underlay0"
/** Every host's interface on the underlay. */
export const HOST_LINK = "eth0"
/**
 * The first after loopback; on the switch its bridge has that one, and the cables those that follow. So the two ends of
 * a cable never have the same: the kernel (net/core/link_watch.c) takes a pair that does for ordinary links, and tells
 * of its carrier up to a second late.
 */
export const HOST_LINK_INDEX = 2
export const SWITCH_BRIDGE_INDEX = 2

/** One end of a cable: whose namespace, which addresses, which way out. */
export interface Station {
  name: string
  /** On its end of the cable, with prefix length. */
  address: string
  /** On loopback beside its own. */
  loopback: string | null
  gateway: string | null
  mtu: number
  /** Bits a second each way; null: unlimited. */
  rateBits: number | null
  plugged: boolean
}

export interface WantedUnderlay {
  stations: Station[]
  cuts: Cut[]
}

export function wantedUnderlay(topology: Topology): WantedUnderlay {
  const { hosts, outside, underlay, cuts } = topology
  const gateway = bare(outside.underlay)
  const stations = hosts.map(({ name, address, mtu, rateBits, cable }): Station => {
    return { name, address, loopback: null, gateway, mtu, rateBits, plugged: cable === "up" }
  })
  stations.push({
    name: outside.name,
    address: outside.underlay,
    loopback: outside.address,
    gateway: null,
    mtu: underlay.mtu,
    rateBits: null,
    plugged: true,
  })
  return { stations, cuts: cuts.map(ordered) }
}

/** The same pair is the same cut, whichever end is named first. */
export function ordered([a, b]: Cut): Cut {
  return a < b ? [a, b] : [b, a]
}

/** The token bucket of a rate: what passes at once, and what may wait. */
export function bucketOf(rateBits: number, mtu: number): { rateBytes: number; burstBytes: number; limitBytes: number } {
  const rateBytes = Math.floor(rateBits / 8)
  const ofMs = (ms: number) => Math.ceil((rateBytes * ms) / 1_000)
  const burstBytes = Math.max(LAB_RATE_BURST_MIN_BYTES, 2 * mtu, ofMs(LAB_RATE_BURST_MS))
  return { rateBytes, burstBytes, limitBytes: burstBytes + ofMs(LAB_RATE_LATENCY_MS) }
}
