/** What others have put on this host that ovl cannot set right, as it is not ovl's: named, with its owner. Pure. */
import { overlaps, parseInterfaceAddress, parseIpv4, subnetOf } from "../model/cidr.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts } from "../model/dataplane.ts"
import type { Problem } from "../model/node.ts"

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
