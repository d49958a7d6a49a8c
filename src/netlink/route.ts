/** Routes, IPv4 and IPv6, as `ip route` has them. */
import { assert } from "../base/assert.ts"
import { type Family, familyNumber } from "./addr.ts"
import {
  AF_INET,
  AF_INET6,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTA_CACHEINFO,
  RTA_DST,
  RTA_GATEWAY,
  RTA_METRICS,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_SRC,
  RTA_TABLE,
  RTAX_MTU,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_BOOT,
} from "./constants.ts"
import { attributesAfter, type MessageWriter, type ReceivedMessage } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"
import { NetlinkError } from "./errors.ts"
import { addressBytes, splitPrefix } from "./text.ts"

/** `struct rtmsg`. */
const RTMSG_BYTES = 12
/** RTM_F_CLONED: an entry of the cache, not a route that somebody set. */
const RTM_F_CLONED = 0x200

/** rtm_type, as `ip` prints it (include/uapi/linux/rtnetlink.h). */
const TYPES = ["none", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable"] as const
export type RouteType = (typeof TYPES)[number] | "other"

export interface RouteSpec {
  /** `10.0.0.0/8`, an address alone, or `default`. */
  dst: string
  via?: string
  /** Index of the interface to go out by. */
  index?: number
  /** The source address to prefer. */
  source?: string
  metric?: number
  table?: number
  /** 0 universe, 253 link, 254 host; as `ip` chooses it if left out. */
  scope?: number
  /** RTPROT_*; 3 (boot) if left out, as with `ip`. */
  protocol?: number
  /** Needed only for `default` without `via` over IPv6. */
  family?: Family
}

export interface Route {
  family: Family
  /** With its length; `default` for all. */
  dst: string
  via: string | null
  index: number | null
  source: string | null
  metric: number
  table: number
  scope: number
  protocol: number
  type: RouteType
}

function routeFamily(spec: RouteSpec): number {
  if (spec.dst !== "default") return addressBytes(splitPrefix(spec.dst).address) === 4 ? AF_INET : AF_INET6
  if (spec.via !== undefined) return addressBytes(spec.via) === 4 ? AF_INET : AF_INET6
  return familyNumber(spec.family ?? 4)
}

function put(target: RequestTarget, type: number, flags: number, spec: RouteSpec): void {
  const family = routeFamily(spec)
  const dst = spec.dst === "default" ? null : splitPrefix(spec.dst)
  const deleting = type === RTM_DELROUTE
  // As `ip` does: directly reachable means scope link, and a deletion matches any.
  const natural = spec.via === undefined && family === AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE
  const table = spec.table ?? RT_TABLE_MAIN
  assert(table > 0, `netlink: routing table ${table}`)
  const writer = target.begin(type, flags)
  writer.u8(family)
  writer.u8(dst?.length ?? 0)
  writer.u8(0)
  writer.u8(0)
  writer.u8(table < 256 ? table : 0)
  writer.u8(deleting ? (spec.protocol ?? 0) : (spec.protocol ?? RTPROT_BOOT))
  writer.u8(spec.scope ?? (deleting ? RT_SCOPE_NOWHERE : natural))
  writer.u8(deleting ? 0 : RTN_UNICAST)
  writer.u32(0)
  if (dst !== null && dst.length > 0) writer.attributeAddress(RTA_DST, dst.address)
  if (spec.via !== undefined) writer.attributeAddress(RTA_GATEWAY, spec.via)
  if (spec.index !== undefined) writer.attributeU32(RTA_OIF, spec.index)
  if (spec.source !== undefined) writer.attributeAddress(RTA_PREFSRC, spec.source)
  if (spec.metric !== undefined) writer.attributeU32(RTA_PRIORITY, spec.metric)
  if (table >= 256) writer.attributeU32(RTA_TABLE, table)
  target.end()
}

/** Adds a route. EEXIST if there is one to that destination with that metric, ENETUNREACH if `via` is not on a link. */
export function add(target: RequestTarget, spec: RouteSpec): void {
  put(target, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, spec)
}

/** Adds a route, in place of the one to that destination with that metric if there is one. */
export function replace(target: RequestTarget, spec: RouteSpec): void {
  put(target, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, spec)
}

/** Adds a route behind those to that destination with that metric, which are preferred. EEXIST if it is there already. */
export function append(target: RequestTarget, spec: RouteSpec): void {
  put(target, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, spec)
}

/** Removes a route that matches what is given. ESRCH if there is none. */
export function del(target: RequestTarget, spec: RouteSpec): void {
  put(target, RTM_DELROUTE, 0, spec)
}

export interface RouteFilter {
  /** Of this interface only. */
  index?: number
  /** 254 (main) if left out; 255 is the kernel's own local table. */
  table?: number
  family?: Family
}

/** The routes of a table. Multipath routes show their destination, without the paths. */
export function list(socket: NetlinkSocket, filter: RouteFilter = {}): Route[] {
  const table = filter.table ?? RT_TABLE_MAIN
  const families: Family[] = filter.family === undefined ? [4, 6] : [filter.family]
  const found = families.flatMap((family) =>
    socket.dump(RTM_GETROUTE, RTM_NEWROUTE, (writer) => putFilter(writer, family), decodeRoute),
  )
  return found.filter((route) => route.table === table && (filter.index === undefined || route.index === filter.index))
}

/** The kernel's own filter answers ENOENT for a table that was never used, so tables are told apart here. */
function putFilter(writer: MessageWriter, family: Family): void {
  writer.u32(familyNumber(family))
  writer.u32(0)
  writer.u32(0)
}

/** Decodes an RTM_NEWROUTE or RTM_DELROUTE message; null for other families and for cache entries. */
export function decodeRoute(message: ReceivedMessage): Route | null {
  const attributes = attributesAfter(message, RTMSG_BYTES)
  const { view, start } = message
  const family = view.getUint8(start)
  if (family !== AF_INET && family !== AF_INET6) return null
  if ((view.getUint32(start + 8, true) & RTM_F_CLONED) !== 0) return null
  const length = view.getUint8(start + 1)
  const route: Route = {
    family: family === AF_INET ? 4 : 6,
    dst: "default",
    via: null,
    index: null,
    source: null,
    metric: 0,
    table: view.getUint8(start + 4),
    scope: view.getUint8(start + 6),
    protocol: view.getUint8(start + 5),
    type: TYPES[view.getUint8(start + 7)] ?? "other",
  }
  while (attributes.next()) {
    if (attributes.type === RTA_DST) route.dst = `${attributes.address()}/${length}`
    else if (attributes.type === RTA_GATEWAY) route.via = attributes.address()
    else if (attributes.type === RTA_OIF) route.index = attributes.u32()
    else if (attributes.type === RTA_PREFSRC) route.source = attributes.address()
    else if (attributes.type === RTA_PRIORITY) route.metric = attributes.u32()
    else if (attributes.type === RTA_TABLE) route.table = attributes.u32()
  }
  return route
}

/** The way of a packet to one address, as `ip route get` has it. */
export interface Way {
  /** Index of the interface that it leaves by. */
  index: number
  /** What the route says that it carries, in bytes; null where it says nothing and the interface decides. */
  mtu: number | null
  /** The kernel has this size from a router that refused a larger packet; it forgets it after a while. */
  learned: boolean
}

/** Errors of a destination to which there is no way: none of them is a mistake. */
const NO_WAY: readonly string[] = ["ENETUNREACH", "EHOSTUNREACH", "EINVAL", "EADDRNOTAVAIL", "EACCES"]
/** `rta_expires` in `struct rta_cacheinfo`. */
const EXPIRES_OFFSET = 8

/** The way from one of this host's addresses to another address; null where there is none. */
export function way(socket: NetlinkSocket, to: string, from: string): Way | null {
  const family = addressBytes(to) === 4 ? AF_INET : AF_INET6
  const bits = addressBytes(to) * 8
  const build = (writer: MessageWriter) => {
    writer.u8(family)
    writer.u8(bits)
    writer.u8(bits)
    for (let byte = 3; byte < RTMSG_BYTES; byte++) writer.u8(0)
    writer.attributeAddress(RTA_DST, to)
    writer.attributeAddress(RTA_SRC, from)
  }
  try {
    return socket.get(RTM_GETROUTE, build, decodeWay)
  } catch (error) {
    if (error instanceof NetlinkError && NO_WAY.includes(error.errnoName)) return null
    throw error
  }
}

function decodeWay(message: ReceivedMessage): Way | null {
  const attributes = attributesAfter(message, RTMSG_BYTES)
  let index: number | null = null
  let mtu: number | null = null
  let learned = false
  while (attributes.next()) {
    if (attributes.type === RTA_OIF) index = attributes.u32()
    else if (attributes.type === RTA_METRICS) {
      const metrics = attributes.nested()
      while (metrics.next()) if (metrics.type === RTAX_MTU) mtu = metrics.u32()
    } else if (attributes.type === RTA_CACHEINFO) {
      learned = message.view.getInt32(attributes.start + EXPIRES_OFFSET, true) !== 0
    }
  }
  return index === null ? null : { index, mtu, learned: learned && mtu !== null }
}
