/** Neighbour rows (address to MAC), as `ip neighbour` has them. The forwarding database of bridges is in `fdb.ts`. */
import { type Family, familyNumber } from "./addr.ts"
import {
  AF_INET,
  AF_INET6,
  NDA_DST,
  NDA_IFINDEX,
  NDA_LLADDR,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NTF_PROXY,
  NTF_ROUTER,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "./constants.ts"
import { attributesAfter, type MessageWriter, type ReceivedMessage } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"
import { addressBytes } from "./text.ts"

/** `struct ndmsg`. */
export const NDMSG_BYTES = 12

const STATES = {
  none: 0,
  incomplete: NUD_INCOMPLETE,
  reachable: NUD_REACHABLE,
  stale: NUD_STALE,
  delay: NUD_DELAY,
  probe: NUD_PROBE,
  failed: NUD_FAILED,
  noarp: NUD_NOARP,
  permanent: NUD_PERMANENT,
} as const
export type NeighbourState = keyof typeof STATES
const STATE_NAMES = new Map(Object.entries(STATES).map(([name, value]) => [value as number, name as NeighbourState]))

export interface NeighbourSpec {
  /** Interface index. */
  index: number
  ip: string
  mac: string
  /** `permanent` if left out. */
  state?: NeighbourState
}

export interface Neighbour {
  index: number
  family: Family
  ip: string
  /** Null while unresolved, and for proxy rows. */
  mac: string | null
  state: NeighbourState
  /** A row that makes this host answer for the address. */
  proxy: boolean
  router: boolean
}

/** `struct ndmsg`: family, padding, index, state, flags, type. */
export function putNdmsg(writer: MessageWriter, family: number, index: number, state: number, flags: number): void {
  writer.u32(family)
  writer.u32(index)
  writer.u16(state)
  writer.u8(flags)
  writer.u8(0)
}

function familyOf(ip: string): number {
  return addressBytes(ip) === 4 ? AF_INET : AF_INET6
}

/** Writes a row, whatever was there before. */
export function replace(target: RequestTarget, row: NeighbourSpec): void {
  const writer = target.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE)
  const state = row.state === undefined ? NUD_PERMANENT : STATES[row.state]
  putNdmsg(writer, familyOf(row.ip), row.index, state, 0)
  writer.attributeAddress(NDA_DST, row.ip)
  writer.attributeMac(NDA_LLADDR, row.mac)
  target.end()
}

/** Makes this host answer for an address on an interface (`ip neigh add proxy`). */
export function replaceProxy(target: RequestTarget, row: { index: number; ip: string }): void {
  const writer = target.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE)
  putNdmsg(writer, familyOf(row.ip), row.index, NUD_PERMANENT, NTF_PROXY)
  writer.attributeAddress(NDA_DST, row.ip)
  target.end()
}

/** Removes a row, or with `proxy` a proxy row. ENOENT if it is not there. */
export function del(target: RequestTarget, row: { index: number; ip: string; proxy?: boolean }): void {
  const writer = target.begin(RTM_DELNEIGH, 0)
  putNdmsg(writer, familyOf(row.ip), row.index, NUD_PERMANENT, row.proxy === true ? NTF_PROXY : 0)
  writer.attributeAddress(NDA_DST, row.ip)
  target.end()
}

export interface NeighbourFilter {
  index?: number
  family?: Family
  /** True for the proxy rows, which are a table of their own. */
  proxy?: boolean
}

/** The neighbour rows of a namespace, or of one interface. */
export function list(socket: NetlinkSocket, filter: NeighbourFilter = {}): Neighbour[] {
  const build = (writer: MessageWriter) => {
    putNdmsg(writer, familyNumber(filter.family), 0, 0, filter.proxy === true ? NTF_PROXY : 0)
    if (filter.index !== undefined) writer.attributeU32(NDA_IFINDEX, filter.index)
  }
  const { index } = filter
  return socket.dump(RTM_GETNEIGH, RTM_NEWNEIGH, build, (message) => {
    // Skipped before it is decoded: an older kernel lists the whole namespace, whatever the filter.
    if (index !== undefined && message.view.getInt32(message.start + 4, true) !== index) return null
    return decodeNeighbour(message)
  })
}

/** Decodes an RTM_NEWNEIGH or RTM_DELNEIGH message; null for families other than IPv4 and IPv6. */
export function decodeNeighbour(message: ReceivedMessage): Neighbour | null {
  const attributes = attributesAfter(message, NDMSG_BYTES)
  const { view, start } = message
  const family = view.getUint8(start)
  if (family !== AF_INET && family !== AF_INET6) return null
  const flags = view.getUint8(start + 10)
  let ip = ""
  let mac: string | null = null
  while (attributes.next()) {
    if (attributes.type === NDA_DST) ip = attributes.address() ?? ""
    else if (attributes.type === NDA_LLADDR) mac = attributes.mac()
  }
  return {
    index: view.getInt32(start + 4, true),
    family: family === AF_INET ? 4 : 6,
    ip,
    mac,
    state: STATE_NAMES.get(view.getUint16(start + 8, true)) ?? "none",
    proxy: (flags & NTF_PROXY) !== 0,
    router: (flags & NTF_ROUTER) !== 0,
  }
}
