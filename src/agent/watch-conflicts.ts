/** What others have put on this host that ovl cannot set right, as it is not ovl's: named, with its owner. Pure. */
import { parseSubnet, subnetsOverlap } from "../model/address.ts"
import { overlaps, parseInterfaceAddress, parseIpv4, subnetOf } from "../model/cidr.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts, type Ipv6Facts } from "../model/dataplane.ts"
import type { Problem } from "../model/node.ts"
import { egressIpv6Subnet } from "../overlay/egress-ipv6.ts"

/** Routes of others that overlap the subnet of the egress bridge, whose address is `172.18.0.1/16`. */
export function egressConflicts(facts: Pick<HostFacts, "routes">, address: string): Problem[] {
  const subnet = subnetOf(parseInterfaceAddress(address))
  return facts.routes.flatMap(({ dst, via, device }): Problem[] => {
    if (device === EGRESS_BRIDGE_NAME) return []
    const [text = "", prefix] = dst.split("/")
    const number = parseIpv4(text)
    if (number === null) return [] // `default`
    if (!overlaps(subnet, subnetOf({ address: number, prefix: prefix === undefined ? 32 : Number(prefix) }))) return []
    const route = `${dst}${via === null ? "" : ` via ${via}`}${device === null ? "" : ` dev ${device}`}`
    return [
      {
        code: "egress_subnet_clash",
        message: `the route ${route} overlaps the egress subnet of ${EGRESS_BRIDGE_NAME}, ${address}`,
        hint: `remove it: ip route del ${route}; without workloads that have egress, ovl takes another subnet by itself`,
        level: "warning",
      },
    ]
  })
}

/** The same of IPv6, for an address such as `fd6f:766c:6777:12::1/64`. */
export function ipv6Conflicts({ routes }: Pick<Ipv6Facts, "routes">, address: string): Problem[] {
  const own = egressIpv6Subnet(address)
  return routes.flatMap(({ dst, via, device }): Problem[] => {
    if (device === EGRESS_BRIDGE_NAME || !dst.includes(":") || !subnetsOverlap(parseSubnet(dst), parseSubnet(own)))
      return []
    const route = `${dst}${via === null ? "" : ` via ${via}`}${device === null ? "" : ` dev ${device}`}`
    return [
      {
        code: "egress_subnet_clash",
        message: `the route ${route} overlaps the egress subnet of ${EGRESS_BRIDGE_NAME}, ${address}`,
        hint: `remove it: ip -6 route del ${route}`,
        level: "warning",
      },
    ]
  })
}

/** Endpoints that have an IPv6 address and no way to the outside by it; `missing`: why not on this host. */
export function noIpv6Egress(endpoints: readonly string[], missing: string | null): Problem {
  const who = endpoints.length > 3 ? `${endpoints.length} endpoints` : endpoints.join(", ")
  return {
    code: "no_ipv6_egress",
    message: `${who}: no way to the outside by IPv6: ${missing ?? "there was none when they were attached"}`,
    hint: missing === null ? "attach them again, or restart ovl on this node" : IPV6_HINT,
    level: "warning",
  }
}

/** What a host needs for it. */
export const IPV6_HINT = "it needs net.ipv6.conf.all.disable_ipv6=0, and ip6tables; then restart ovl on this node"
