/**
 * The forwarding database, as `bridge fdb` has it. There are two tables, and the same MAC may be in both: a vxlan
 * device's own (`self`: which VTEP has this MAC) and the bridge's (`master`: behind which port is it).
 */
import {
  AF_BRIDGE,
  NDA_DST,
  NDA_IFINDEX,
  NDA_LLADDR,
  NDA_MASTER,
  NDA_PORT,
  NDA_VLAN,
  NDA_VNI,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NTF_EXT_LEARNED,
  NTF_MASTER,
  NTF_SELF,
  NTF_STICKY,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  NUD_STALE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "./constants.ts"
import { NetlinkError } from "./errors.ts"
import { attributesAfter, type MessageWriter, type ReceivedMessage } from "./message.ts"
import { NDMSG_BYTES, putNdmsg } from "./neigh.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"

/** Which of the two tables. */
export type FdbTable = "self" | "master"
/**
 * `permanent` in a vxlan's own table is a row that does not age; in a bridge's it marks an address of the host itself.
 * `static` in a bridge's table is a row that does not age. `dynamic` ones do, or were learned.
 */
export type FdbState = "permanent" | "static" | "dynamic"

export interface FdbSpec {
  /** Index of the vxlan device, or of the port. */
  index: number
  mac: string
  /** The VTEP, in a vxlan's own table. */
  dst?: string
  /** `self` if left out. */
  on?: FdbTable
  /** If left out, `permanent` on `self` and `static` on `master`, as one writes them for remote and local endpoints. */
  state?: FdbState
}

export interface FdbEntry {
  index: number
  mac: string
  on: FdbTable
  dst: string | null
  /** Only where they differ from the device's own. */
  port: number | null
  vni: number | null
  vlan: number | null
  /** Index of the bridge, for rows of its table. */
  master: number | null
  state: FdbState
  externLearned: boolean
  sticky: boolean
}

/** As `bridge fdb` sends them. */
const STATES: Record<FdbState, number> = {
  permanent: NUD_NOARP | NUD_PERMANENT,
  static: NUD_NOARP | NUD_REACHABLE,
  dynamic: NUD_REACHABLE,
}

/**
 * Writes a row, whatever was there before: a row that the kernel learned must not stand in the way. On `self` of a
 * vxlan with the all-zero MAC this sets the one flood destination.
 */
export function replace(target: RequestTarget, row: FdbSpec): void {
  const writer = target.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE)
  const onMaster = row.on === "master"
  const state = STATES[row.state ?? (onMaster ? "static" : "permanent")]
  putNdmsg(writer, AF_BRIDGE, row.index, state, onMaster ? NTF_MASTER : NTF_SELF)
  writer.attributeMac(NDA_LLADDR, row.mac)
  if (row.dst !== undefined) writer.attributeAddress(NDA_DST, row.dst)
  target.end()
}

/**
 * One destination more for a MAC in a vxlan's own table, which only the all-zero MAC may have: there it is where frames
 * without a row go. A destination that it has already stays as it is.
 */
export function append(target: RequestTarget, row: { index: number; mac: string; dst: string }): void {
  const writer = target.begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND)
  putNdmsg(writer, AF_BRIDGE, row.index, STATES.permanent, NTF_SELF)
  writer.attributeMac(NDA_LLADDR, row.mac)
  writer.attributeAddress(NDA_DST, row.dst)
  target.end()
}

/** Removes a row. ENOENT if it is not there. */
export function del(target: RequestTarget, row: { index: number; mac: string; dst?: string; on?: FdbTable }): void {
  const writer = target.begin(RTM_DELNEIGH, 0)
  putNdmsg(writer, AF_BRIDGE, row.index, STATES.permanent, row.on === "master" ? NTF_MASTER : NTF_SELF)
  writer.attributeMac(NDA_LLADDR, row.mac)
  if (row.dst !== undefined) writer.attributeAddress(NDA_DST, row.dst)
  target.end()
}

/** A row of the table of the bridge that this device is a port of, whichever port it leads to; null where there is none. */
export function get(socket: NetlinkSocket, row: { index: number; mac: string }): FdbEntry | null {
  const build = (writer: MessageWriter) => {
    putNdmsg(writer, AF_BRIDGE, row.index, 0, NTF_MASTER)
    writer.attributeMac(NDA_LLADDR, row.mac)
  }
  try {
    return socket.get(RTM_GETNEIGH, build, decodeFdb)
  } catch (error) {
    // EINVAL: the device is no bridge's port any more.
    if (error instanceof NetlinkError && ["ENOENT", "ENODEV", "EINVAL"].includes(error.errnoName)) return null
    throw error
  }
}

export interface FdbFilter {
  /** Rows of this device: both its own table's and its bridge's. */
  index?: number
  /** Rows of this bridge and its ports. */
  bridge?: number
}

/** The rows of both tables. */
export function list(socket: NetlinkSocket, filter: FdbFilter = {}): FdbEntry[] {
  const build = (writer: MessageWriter) => {
    putNdmsg(writer, AF_BRIDGE, 0, 0, 0)
    if (filter.index !== undefined) writer.attributeU32(NDA_IFINDEX, filter.index)
    if (filter.bridge !== undefined) writer.attributeU32(NDA_MASTER, filter.bridge)
  }
  return socket.dump(RTM_GETNEIGH, RTM_NEWNEIGH, build, (message) => {
    if (filter.index !== undefined && message.view.getInt32(message.start + 4, true) !== filter.index) return null
    return decodeFdb(message)
  })
}

/** Decodes an RTM_NEWNEIGH or RTM_DELNEIGH message of family AF_BRIDGE; null for other families and for no MAC. */
export function decodeFdb(message: ReceivedMessage): FdbEntry | null {
  const attributes = attributesAfter(message, NDMSG_BYTES)
  const { view, start } = message
  if (view.getUint8(start) !== AF_BRIDGE) return null
  const state = view.getUint16(start + 8, true)
  const flags = view.getUint8(start + 10)
  let mac: string | null = null
  let dst: string | null = null
  let port: number | null = null
  let vni: number | null = null
  let vlan: number | null = null
  let master: number | null = null
  while (attributes.next()) {
    if (attributes.type === NDA_LLADDR) mac = attributes.mac()
    else if (attributes.type === NDA_DST) dst = attributes.address()
    else if (attributes.type === NDA_PORT) port = attributes.u16be()
    else if (attributes.type === NDA_VNI) vni = attributes.u32()
    else if (attributes.type === NDA_VLAN) vlan = attributes.u16()
    else if (attributes.type === NDA_MASTER) master = attributes.u32()
  }
  if (mac === null) return null
  return {
    index: view.getInt32(start + 4, true),
    mac,
    // The bridge says nothing or "master" of its own rows, a vxlan always "self".
    on: (flags & NTF_SELF) !== 0 ? "self" : "master",
    dst,
    port,
    vni,
    vlan,
    master,
    state: stateName(state),
    externLearned: (flags & NTF_EXT_LEARNED) !== 0,
    sticky: (flags & NTF_STICKY) !== 0,
  }
}

function stateName(state: number): FdbState {
  if ((state & NUD_PERMANENT) !== 0) return "permanent"
  if ((state & NUD_NOARP) !== 0) return "static"
  return (state & (NUD_REACHABLE | NUD_STALE)) !== 0 ? "dynamic" : "static"
}
