/**
 * Decisions about the egress bridge that need no kernel: which subnet is free on this host, which address an endpoint
 * gets, and on which devices forwarding must be on, and so guarded, for replies to come back.
 */
import { OvlError } from "../base/errors.ts"
import type { Catalog } from "../model/catalog.ts"
import {
  type Cidr,
  firstHost,
  formatCidr,
  formatIpv4,
  lastHost,
  overlaps,
  parseInterfaceAddress,
  parseIpv4,
  subnetOf,
} from "../model/cidr.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts } from "../model/dataplane.ts"
import { nextFit } from "../model/ipam.ts"

/** INTERFACE section 4: 172.18.0.0/16, or the next free one up to 172.31.0.0/16. */
const FIRST_SECOND_OCTET = 18
const LAST_SECOND_OCTET = 31
const EGRESS_PREFIX = 16

/**
 * The gateway address of the egress bridge, such as `172.18.0.1/16`. `current` is the one that the bridge has now: it
 * is kept, as workloads use it. Otherwise the first subnet that no route or address of the host, and no network of the
 * cluster, overlaps. Errors: `egress_subnet_taken` (conflict) when none is free.
 */
export function chooseEgressAddress(
  facts: Pick<HostFacts, "routes" | "addresses">,
  catalog: Pick<Catalog, "networks">,
  current: string | null,
): string {
  if (current !== null) return current
  const taken = takenSubnets(facts, catalog)
  for (let octet = FIRST_SECOND_OCTET; octet <= LAST_SECOND_OCTET; octet++) {
    const subnet: Cidr = { address: (172 * 256 + octet) * 65_536, prefix: EGRESS_PREFIX }
    if (!taken.some((other) => overlaps(subnet, other))) {
      return formatCidr({ address: firstHost(subnet), prefix: EGRESS_PREFIX })
    }
  }
  throw new OvlError("egress_subnet_taken", "egress bridge: 172.18.0.0/16 to 172.31.0.0/16 all overlap a route here", {
    kind: "conflict",
    hint: "look at `ip -4 route`, or make the network with --internal",
  })
}

function takenSubnets(facts: Pick<HostFacts, "routes" | "addresses">, catalog: Pick<Catalog, "networks">): Cidr[] {
  const texts = [
    ...facts.routes.filter((route) => route.device !== EGRESS_BRIDGE_NAME).map((route) => route.dst),
    ...facts.addresses.filter((address) => address.device !== EGRESS_BRIDGE_NAME).map((address) => address.address),
    ...[...catalog.networks.values()].flatMap((network) => network.subnets.map((subnet) => subnet.subnet)),
  ]
  return texts.flatMap((text) => {
    const [address, prefix] = text.split("/")
    const number = parseIpv4(address ?? "")
    if (number === null) return [] // `default`, and IPv6
    return [subnetOf({ address: number, prefix: prefix === undefined ? 32 : Number(prefix) })]
  })
}

/**
 * The next free address on the egress bridge after `last` (null: from the beginning), as `172.18.0.2/16`; a freed one
 * comes round again only after the others. Errors: `egress_exhausted` (conflict).
 */
export function nextEgressAddress(
  bridgeAddress: string,
  last: string | null,
  taken: Pick<ReadonlySet<string>, "has">,
): string {
  const bridge = parseInterfaceAddress(bridgeAddress)
  const subnet = subnetOf(bridge)
  const hosts = { first: firstHost(subnet), last: lastHost(subnet) }
  const previous = last === null ? null : parseInterfaceAddress(last).address
  const isTaken = (address: number) =>
    address === bridge.address || taken.has(`${formatIpv4(address)}/${subnet.prefix}`)
  const address = nextFit(hosts, previous, isTaken)
  if (address === null) {
    throw new OvlError("egress_exhausted", `egress bridge ${bridgeAddress}: no address is free`, {
      kind: "conflict",
      hint: "remove workloads, or use --internal networks",
    })
  }
  return formatCidr({ address, prefix: subnet.prefix })
}

/**
 * Where forwarding must be on for replies to reach the bridge: Linux asks the device that a packet came in by. All
 * devices that a route leaves by may bring replies; where the whole host forwards, there is nothing to do.
 */
export function forwardingDevices(facts: HostFacts): string[] {
  if (facts.forwarding) return []
  const devices = new Set<string>()
  for (const { device } of facts.routes) {
    if (device !== null && device !== "lo" && device !== EGRESS_BRIDGE_NAME) devices.add(device)
  }
  return [...devices].sort()
}

/** Those of them that would not forward without ovl. */
export function guardedDevices(forwarding: readonly string[], facts: HostFacts): string[] {
  const on = new Set(facts.forwardingDevices)
  const switched = new Set(facts.switchedDevices)
  return forwarding.filter((device) => switched.has(device) || !on.has(device))
}

/**
 * The largest packet that the underlay of a VTEP takes, in bytes; null while no interface has the address. A VTEP on
 * `lo` is routed: then it is the least of the devices that have routes.
 */
export function underlayMtu(facts: HostFacts, vtep: string): number | null {
  const holder = facts.addresses.find(({ address }) => address.split("/")[0] === vtep)?.device
  if (holder === undefined) return null
  const routed = new Set(holder === "lo" ? facts.routes.map((route) => route.device) : [holder])
  const sizes = facts.links.filter((link) => link.name !== EGRESS_BRIDGE_NAME && routed.has(link.name))
  return sizes.length === 0 ? null : Math.min(...sizes.map((link) => link.mtu))
}
