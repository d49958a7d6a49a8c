/**
 * Links, as `ip link` has them: bridges, vxlan devices and veth pairs are made, changed, removed and listed here. A
 * device is named by its index or its name. Where a link is placed by `namespace`, that is an open descriptor, which
 * must stay open until the request is sent.
 */
import { assert } from "../base/assert.ts"
import { IFNAME_MAX_CHARS } from "../base/limits.ts"
import { tryIoctl } from "../linux/libc.ts"
import {
  AF_UNSPEC,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_BR_AGEING_TIME,
  IFLA_BR_FORWARD_DELAY,
  IFLA_BR_MCAST_SNOOPING,
  IFLA_BR_VLAN_DEFAULT_PVID,
  IFLA_BR_VLAN_FILTERING,
  IFLA_EXT_MASK,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_PROP_LIST,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_L2MISS,
  IFLA_VXLAN_L3MISS,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LINK,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
  IFLA_VXLAN_PROXY,
  IFLA_VXLAN_TTL,
  IFLA_VXLAN_UDP_CSUM,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_DELLINKPROP,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_NEWLINKPROP,
  VETH_INFO_PEER,
} from "./constants.ts"
import { NetlinkError } from "./errors.ts"
import { decodeLink, type Link } from "./link-decode.ts"
import type { MessageWriter } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"
import { addressBytes } from "./text.ts"

/** An interface by its index, or by its name (an alternative name will do). */
export type Device = number | string

/** What any new link may have. */
export interface NewLink {
  name: string
  /** Chooses the interface's index; the kernel does if left out. EEXIST-like refusals if it is taken: EBUSY. */
  index?: number
  mac?: string
  /** Bytes. */
  mtu?: number
  /** Index of the bridge to join, in the namespace where the link comes to be. */
  master?: number
  /** Descriptor of the namespace where it comes to be; the socket's own if left out. */
  namespace?: number
  up?: boolean
}

export interface NewBridge extends NewLink {
  kind: "bridge"
  /** 0 leaves ports out of any VLAN, so that no `vlan 1` rows appear in the FDB. */
  vlanDefaultPvid?: number
  vlanFiltering?: boolean
  mcastSnooping?: boolean
  /** How long a learned row lives. */
  ageingSeconds?: number
  /**
   * How long a port listens before it forwards, where there is a spanning tree. Without one a port forwards at once, but
   * the kernel tells of it again so much later (br_make_forwarding in net/bridge/br_stp.c): 15 s if left out, 0 never.
   */
  forwardDelaySeconds?: number
}

export interface NewVxlan extends NewLink {
  kind: "vxlan"
  vni: number
  /** The outer source address. Without it routing chooses one. */
  local?: string
  /** UDP port; without it the kernel takes 8472, which is not the standard one. */
  port?: number
  learning?: boolean
  proxy?: boolean
  l2miss?: boolean
  l3miss?: boolean
  udpCsum?: boolean
  /** Of the outer packet; 0 inherits. */
  ttl?: number
  /** Index of an underlay device to be bound to. Without one the device outlives its underlay. */
  device?: number
}

/**
 * The second end of a veth pair. The kernel cannot create it up, nor enslave it, and heeds its `index` only if the
 * first end has one as well (drivers/net/veth.c).
 */
export type NewVethPeer = Omit<NewLink, "master" | "up">

export interface NewVeth extends NewLink {
  kind: "veth"
  /** Of both ends, in each direction. Left out it is the kernel's choice: one, from Linux 5.17 on one a processor. */
  queues?: number
  peer: NewVethPeer
}

export type LinkSpec = NewBridge | NewVxlan | NewVeth

/** What can be changed on a link that exists. */
export interface LinkChange {
  up?: boolean
  mac?: string
  mtu?: number
  /** Index of a bridge; 0 leaves it. */
  master?: number
  /** A new name; the device must then be given by its index. */
  name?: string
  /** Descriptor of the namespace to move to. */
  namespace?: number
  /** A free text shown by `ip link`; empty removes it. */
  alias?: string
}

/** `struct ifinfomsg`. */
function putHeader(writer: MessageWriter, index: number, up: boolean | undefined): void {
  writer.u32(AF_UNSPEC)
  writer.u32(index)
  writer.u32(up === true ? IFF_UP : 0)
  writer.u32(up === undefined ? 0 : IFF_UP)
}

/** The header of a request about `device`, which is then looked up by name if it is no index. */
function putDevice(writer: MessageWriter, device: Device, up?: boolean): void {
  putHeader(writer, typeof device === "number" ? device : 0, up)
  if (typeof device === "string") writer.attributeString(IFLA_IFNAME, device)
}

function putCommon(writer: MessageWriter, spec: Omit<LinkChange, "up">): void {
  if (spec.name !== undefined) writer.attributeString(IFLA_IFNAME, spec.name)
  if (spec.mac !== undefined) writer.attributeMac(IFLA_ADDRESS, spec.mac)
  if (spec.mtu !== undefined) writer.attributeU32(IFLA_MTU, spec.mtu)
  if (spec.master !== undefined) writer.attributeU32(IFLA_MASTER, spec.master)
  if (spec.namespace !== undefined) writer.attributeU32(IFLA_NET_NS_FD, spec.namespace)
  if (spec.alias !== undefined) writer.attributeString(IFLA_IFALIAS, spec.alias)
}

function putFlag(writer: MessageWriter, type: number, value: boolean | undefined): void {
  if (value !== undefined) writer.attributeU8(type, value ? 1 : 0)
}

function putBridge(writer: MessageWriter, spec: NewBridge): void {
  putFlag(writer, IFLA_BR_VLAN_FILTERING, spec.vlanFiltering)
  if (spec.vlanDefaultPvid !== undefined) writer.attributeU16(IFLA_BR_VLAN_DEFAULT_PVID, spec.vlanDefaultPvid)
  putFlag(writer, IFLA_BR_MCAST_SNOOPING, spec.mcastSnooping)
  // In hundredths of a second (USER_HZ).
  if (spec.ageingSeconds !== undefined) writer.attributeU32(IFLA_BR_AGEING_TIME, spec.ageingSeconds * 100)
  if (spec.forwardDelaySeconds !== undefined) {
    writer.attributeU32(IFLA_BR_FORWARD_DELAY, spec.forwardDelaySeconds * 100)
  }
}

function putVxlan(writer: MessageWriter, spec: NewVxlan): void {
  writer.attributeU32(IFLA_VXLAN_ID, spec.vni)
  if (spec.local !== undefined) {
    const type = addressBytes(spec.local) === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6
    writer.attributeAddress(type, spec.local)
  }
  if (spec.device !== undefined) writer.attributeU32(IFLA_VXLAN_LINK, spec.device)
  if (spec.ttl !== undefined) writer.attributeU8(IFLA_VXLAN_TTL, spec.ttl)
  putFlag(writer, IFLA_VXLAN_LEARNING, spec.learning)
  putFlag(writer, IFLA_VXLAN_PROXY, spec.proxy)
  putFlag(writer, IFLA_VXLAN_L2MISS, spec.l2miss)
  putFlag(writer, IFLA_VXLAN_L3MISS, spec.l3miss)
  if (spec.port !== undefined) writer.attributeU16be(IFLA_VXLAN_PORT, spec.port)
  putFlag(writer, IFLA_VXLAN_UDP_CSUM, spec.udpCsum)
}

function putQueues(writer: MessageWriter, queues: number | undefined): void {
  if (queues === undefined) return
  writer.attributeU32(IFLA_NUM_TX_QUEUES, queues)
  writer.attributeU32(IFLA_NUM_RX_QUEUES, queues)
}

function putVethPeer(writer: MessageWriter, peer: NewVethPeer, queues: number | undefined): void {
  const nest = writer.nest(VETH_INFO_PEER)
  putHeader(writer, peer.index ?? 0, undefined)
  putCommon(writer, { name: peer.name, mac: peer.mac, mtu: peer.mtu, namespace: peer.namespace })
  putQueues(writer, queues)
  writer.endNest(nest)
}

/**
 * Makes a link. A vxlan's UDP socket stays in the namespace of `target`'s socket, wherever `namespace` puts the device.
 * Refusals: EEXIST (the name, or a VNI already there on that port), EBUSY (the index), ENODEV (the master).
 */
export function add(target: RequestTarget, spec: LinkSpec): void {
  const choosesPeer = spec.kind === "veth" && spec.peer.index !== undefined
  assert(!choosesPeer || spec.index !== undefined, "netlink: a veth's peer has an index only if its first end has one")
  const writer = target.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL)
  putHeader(writer, spec.index ?? 0, spec.up === true ? true : undefined)
  const { name, mac, mtu, master, namespace } = spec
  putCommon(writer, { name, mac, mtu, master, namespace })
  if (spec.kind === "veth") putQueues(writer, spec.queues)
  const info = writer.nest(IFLA_LINKINFO)
  writer.attributeString(IFLA_INFO_KIND, spec.kind)
  const data = writer.nest(IFLA_INFO_DATA)
  if (spec.kind === "bridge") putBridge(writer, spec)
  else if (spec.kind === "vxlan") putVxlan(writer, spec)
  else putVethPeer(writer, spec.peer, spec.queues)
  writer.endNest(data)
  writer.endNest(info)
  target.end()
}

/** Changes a link. Moving and renaming go together in one call, so that no foreign name is in the way. */
export function set(target: RequestTarget, device: Device, change: LinkChange): void {
  assert(change.name === undefined || typeof device === "number", "netlink: a link is renamed by its index")
  const writer = target.begin(RTM_NEWLINK, 0)
  putDevice(writer, device, change.up)
  putCommon(writer, change)
  target.end()
}

/** Removes a link; of a veth pair, both ends. */
export function del(target: RequestTarget, device: Device): void {
  putDevice(target.begin(RTM_DELLINK, 0), device)
  target.end()
}

/** Gives a link a further name of up to 127 characters, by which it may be looked up. */
export function addAltname(target: RequestTarget, device: Device, altname: string): void {
  putAltname(target, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, device, altname)
}

export function delAltname(target: RequestTarget, device: Device, altname: string): void {
  putAltname(target, RTM_DELLINKPROP, 0, device, altname)
}

function putAltname(target: RequestTarget, type: number, flags: number, device: Device, altname: string): void {
  const writer = target.begin(type, flags)
  putDevice(writer, device)
  const nest = writer.nest(IFLA_PROP_LIST)
  writer.attributeString(IFLA_ALT_IFNAME, altname)
  writer.endNest(nest)
  target.end()
}

export interface LinkFilter {
  /** Only the ports of this bridge. */
  master?: number
  /** Only links of this kind, such as `vxlan`. */
  kind?: string
}

/** All links of the socket's namespace, in order of their indexes. */
export function list(socket: NetlinkSocket, filter: LinkFilter = {}): Link[] {
  const { master, kind } = filter
  const build = (writer: MessageWriter) => {
    putHeader(writer, 0, undefined)
    writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    if (master !== undefined) writer.attributeU32(IFLA_MASTER, master)
    if (kind !== undefined) {
      const nest = writer.nest(IFLA_LINKINFO)
      writer.attributeString(IFLA_INFO_KIND, kind)
      writer.endNest(nest)
    }
  }
  const links = socket.dump(RTM_GETLINK, RTM_NEWLINK, build, decodeLink)
  return links
    .filter((link) => (master === undefined || link.master === master) && (kind === undefined || link.kind === kind))
    .sort((a, b) => a.index - b.index)
}

/** One link, or null if there is none of that index or name. */
export function get(socket: NetlinkSocket, device: Device): Link | null {
  const build = (writer: MessageWriter) => {
    putHeader(writer, typeof device === "number" ? device : 0, undefined)
    // A name in this attribute is found among names and alternative names alike, and may be longer than 15.
    if (typeof device === "string") writer.attributeString(IFLA_ALT_IFNAME, device)
    writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
  }
  try {
    return socket.get(RTM_GETLINK, build, decodeLink)
  } catch (error) {
    if (error instanceof NetlinkError && error.errnoName === "ENODEV") return null
    throw error
  }
}

/**
 * The index of a link by its name, or null. Asked by SIOCGIFINDEX (netdevice(7)), which any socket of the namespace
 * answers and which is a tenth of the work of a whole link; a name that is too long for it is an alternative one.
 */
export function indexOf(socket: NetlinkSocket, name: string): number | null {
  if (name.length > IFNAME_MAX_CHARS) return get(socket, name)?.index ?? null
  ifreq.fill(0)
  for (let at = 0; at < name.length; at++) ifreq[at] = name.charCodeAt(at)
  const done = tryIoctl(socket.fd, SIOCGIFINDEX, ifreq)
  return done ? ifreqView.getInt32(IFREQ_NAME_BYTES, true) : (get(socket, name)?.index ?? null)
}

/** struct ifreq: the name, then a union of which the index is the first member. */
const SIOCGIFINDEX = 0x8933
const IFREQ_NAME_BYTES = 16
const ifreq = new Uint8Array(40)
const ifreqView = new DataView(ifreq.buffer)

export { setPort } from "./port.ts"
