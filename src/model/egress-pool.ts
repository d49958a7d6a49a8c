/** Where the IPv6 subnets of egress bridges come from. */
import { parseSubnet, type Subnet } from "./address.ts"

/**
 * Unique local addresses (RFC 4193), the same on every node, as 172.18.0.0/16 is: they never leave a node. Networks with
 * egress keep off all of it.
 */
export const EGRESS_IPV6_POOL: Subnet = parseSubnet("fd6f:766c:6777::/48")
