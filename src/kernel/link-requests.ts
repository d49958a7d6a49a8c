/** Two requests about links that the netlink library has no verb for. */
import type { RequestTarget } from "../netlink/index.ts"

/** include/uapi/linux/rtnetlink.h, if_link.h. */
const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const IFLA_IFNAME = 3
const IFLA_AF_SPEC = 26
const IFLA_GROUP = 27
const AF_INET6 = 10
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1

/** `struct ifinfomsg`, all zero: the link is found by what follows. */
function begin(target: RequestTarget, type: number): ReturnType<RequestTarget["begin"]> {
  const writer = target.begin(type, 0)
  for (let word = 0; word < 4; word++) writer.u32(0)
  return writer
}

/**
 * `ip link set DEV addrgenmode none`: IPv6 gives the interface no address by itself, and so sends no router
 * solicitation, no duplicate address detection and no multicast report. It stays usable for who sets an address.
 */
export function setQuietIpv6(target: RequestTarget, name: string): void {
  const writer = begin(target, RTM_NEWLINK)
  writer.attributeString(IFLA_IFNAME, name)
  const families = writer.nest(IFLA_AF_SPEC)
  const inet6 = writer.nest(AF_INET6)
  writer.attributeU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)
  writer.endNest(inet6)
  writer.endNest(families)
  target.end()
}

/** `ip link set DEV group N` */
export function setGroup(target: RequestTarget, name: string, group: number): void {
  const writer = begin(target, RTM_NEWLINK)
  writer.attributeString(IFLA_IFNAME, name)
  writer.attributeU32(IFLA_GROUP, group)
  target.end()
}

/** `ip link del group N`. ENODEV if it is empty. */
export function deleteGroup(target: RequestTarget, group: number): void {
  const writer = begin(target, RTM_DELLINK)
  writer.attributeU32(IFLA_GROUP, group)
  target.end()
}
