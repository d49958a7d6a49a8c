/**
 * What the kernel says about a link, as a value. The link itself is read in place, since there may be thousands; what
 * is specific to vxlan and bridge devices goes through the decoders of npm's `netlink`.
 */
import type { Bridge, Vxlan } from "netlink/dist/rt/ifla"
import { parseBridge, parseVxlan } from "netlink/dist/rt/ifla"
import {
  AF_BRIDGE,
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_OPERSTATE,
  IFLA_PROP_LIST,
  IFLA_PROTINFO,
} from "./constants.ts"
import { malformed } from "./errors.ts"
import { type AttributeReader, attributesAfter, type ReceivedMessage } from "./message.ts"
import { type BridgePort, decodePort } from "./port.ts"
import { readAddress } from "./text.ts"

/** RFC 2863 operational states, as `ip` prints them (include/uapi/linux/if.h). */
const OPERSTATES = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"] as const
export type OperState = (typeof OPERSTATES)[number]

/** `struct ifinfomsg`. */
const IFINFOMSG_BYTES = 16

export interface VxlanInfo {
  vni: number
  local: string | null
  port: number
  /** Index of the underlay device it is bound to; null for none. */
  device: number | null
  learning: boolean
  proxy: boolean
  l2miss: boolean
  l3miss: boolean
  udpCsum: boolean
  ttl: number
}

export interface BridgeInfo {
  vlanFiltering: boolean
  vlanDefaultPvid: number
  mcastSnooping: boolean
  ageingSeconds: number
}

export interface Link {
  index: number
  name: string
  /** `bridge`, `vxlan`, `veth`, ...; null for what has none, such as loopback and physical interfaces. */
  kind: string | null
  /** Null where the hardware address is not one of six bytes. */
  mac: string | null
  /** Bytes. */
  mtu: number
  /** IFF_* of include/uapi/linux/if.h. */
  flags: number
  /** Set up by the administrator. */
  up: boolean
  /** Has a carrier as well. */
  lowerUp: boolean
  operState: OperState
  /** Index of the bridge it is a port of. */
  master: number | null
  alias: string | null
  altnames: string[]
  /** IFLA_LINK: of a veth, the index of its other end, in the namespace that `linkNetnsid` stands for. */
  link: number | null
  /** Which namespace `link` is in, by this namespace's number for it (`nsid`); null for the same one. */
  linkNetnsid: number | null
  vxlan: VxlanInfo | null
  bridge: BridgeInfo | null
  /** Its settings as a port, if it is one of a bridge. */
  port: BridgePort | null
}

/** Decodes an RTM_NEWLINK or RTM_DELLINK message; of family AF_BRIDGE they tell of the link as a port only. */
export function decodeLink(message: ReceivedMessage): Link {
  const attributes = attributesAfter(message, IFINFOMSG_BYTES)
  const flags = message.view.getUint32(message.start + 8, true)
  const link: Link = {
    index: message.view.getInt32(message.start + 4, true),
    name: "",
    kind: null,
    mac: null,
    mtu: 0,
    flags,
    up: (flags & IFF_UP) !== 0,
    lowerUp: (flags & IFF_LOWER_UP) !== 0,
    operState: "unknown",
    master: null,
    alias: null,
    altnames: [],
    link: null,
    linkNetnsid: null,
    vxlan: null,
    bridge: null,
    port: null,
  }
  const isPort = message.view.getUint8(message.start) === AF_BRIDGE
  while (attributes.next()) {
    if (isPort && attributes.type === IFLA_PROTINFO) link.port = decodePort(attributes.nested())
    else decodeAttribute(link, attributes)
  }
  return link
}

function decodeAttribute(link: Link, attribute: AttributeReader): void {
  switch (attribute.type) {
    case IFLA_IFNAME:
      link.name = attribute.string()
      break
    case IFLA_ADDRESS:
      link.mac = attribute.mac()
      break
    case IFLA_MTU:
      link.mtu = attribute.u32()
      break
    case IFLA_OPERSTATE:
      link.operState = OPERSTATES[attribute.u8()] ?? "unknown"
      break
    case IFLA_MASTER:
      link.master = attribute.u32()
      break
    case IFLA_IFALIAS:
      link.alias = attribute.string()
      break
    case IFLA_LINK:
      // 0 is what some tunnels say where they have no underlay device.
      link.link = attribute.u32() === 0 ? null : attribute.u32()
      break
    case IFLA_LINK_NETNSID:
      link.linkNetnsid = attribute.i32()
      break
    case IFLA_PROP_LIST: {
      const properties = attribute.nested()
      while (properties.next()) if (properties.type === IFLA_ALT_IFNAME) link.altnames.push(properties.string())
      break
    }
    case IFLA_LINKINFO:
      decodeInfo(link, attribute.nested())
      break
  }
}

function decodeInfo(link: Link, info: AttributeReader): void {
  let slaveKind = ""
  while (info.next()) {
    if (info.type === IFLA_INFO_KIND) link.kind = info.string()
    else if (info.type === IFLA_INFO_SLAVE_KIND) slaveKind = info.string()
    else if (info.type === IFLA_INFO_DATA) decodeKind(link, info.copy())
    else if (info.type === IFLA_INFO_SLAVE_DATA && slaveKind === "bridge") link.port = decodePort(info.nested())
  }
}

/** The kernel puts the kind in front of its data. */
function decodeKind(link: Link, data: Buffer): void {
  try {
    if (link.kind === "vxlan") link.vxlan = vxlanInfo(parseVxlan(data))
    else if (link.kind === "bridge") link.bridge = bridgeInfo(parseBridge(data))
  } catch (error) {
    throw malformed(`the ${link.kind} data of ${link.name}: ${String(error)}`)
  }
}

function vxlanInfo(data: Vxlan): VxlanInfo {
  const local = data.local ?? data.local6
  return {
    vni: data.id ?? 0,
    local: local === undefined ? null : readAddress(local, 0, local.length),
    port: data.port?.readUInt16BE(0) ?? 0,
    device: data.link || null,
    learning: data.learning === 1,
    proxy: data.proxy === 1,
    l2miss: data.l2miss === 1,
    l3miss: data.l3miss === 1,
    udpCsum: data.udpCsum === 1,
    ttl: data.ttl ?? 0,
  }
}

function bridgeInfo(data: Bridge): BridgeInfo {
  return {
    vlanFiltering: data.vlanFiltering?.readUInt8(0) === 1,
    vlanDefaultPvid: data.vlanDefaultPvid?.readUInt16LE(0) ?? 0,
    mcastSnooping: data.mcastSnooping?.readUInt8(0) === 1,
    ageingSeconds: (data.ageingTime?.readUInt32LE(0) ?? 0) / 100,
  }
}
