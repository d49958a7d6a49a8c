/**
 * A request as the `ip` or `bridge` line that would make it, read off its bytes. Only a refused request needs it, so
 * nothing is spent on the ten thousand that went well.
 */
import { decodeAddress } from "./addr.ts"
import {
  AF_BRIDGE,
  IFF_UP,
  IFLA_ALT_IFNAME,
  IFLA_IFNAME,
  IFLA_PROP_LIST,
  IFLA_PROTINFO,
  NLM_F_CREATE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELLINKPROP,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETNSID,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWLINKPROP,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTM_SETLINK,
} from "./constants.ts"
import { decodeFdb } from "./fdb.ts"
import { decodeLink, type Link } from "./link-decode.ts"
import { attributesAfter, forEachMessage, type ReceivedMessage } from "./message.ts"
import { decodeNeighbour } from "./neigh.ts"
import { portFlags } from "./port.ts"
import { decodeRoute } from "./route.ts"

const LISTS: Record<number, string> = {
  [RTM_GETADDR]: "address show",
  [RTM_GETNEIGH]: "neigh show",
  [RTM_GETROUTE]: "route show",
  [RTM_GETNSID]: "netns list-id",
}

/** The first request in `bytes`, as a line. An interface of which only the index is known is `if5`, as `ip` says. */
export function describeRequest(bytes: Uint8Array): string {
  let line = ""
  forEachMessage(bytes, bytes.length, (message) => {
    if (line === "") line = describe(message)
  })
  return line
}

function describe(message: ReceivedMessage): string {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_SETLINK:
    case RTM_GETLINK:
      return describeLink(message)
    case RTM_NEWLINKPROP:
      return `link property add ${altname(message)}`
    case RTM_DELLINKPROP:
      return `link property del ${altname(message)}`
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return describeAddress(message)
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return message.view.getUint8(message.start) === AF_BRIDGE ? describeFdb(message) : describeNeighbour(message)
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return describeRoute(message)
  }
  return LISTS[message.type] ?? `request ${message.type}`
}

function verb(message: ReceivedMessage, deletion: number): string {
  if (message.type === deletion) return "del"
  return (message.flags & NLM_F_CREATE) !== 0 ? "add" : "set"
}

function describeLink(message: ReceivedMessage): string {
  const link = decodeLink(message)
  const name = firstName(message)
  const device = link.index === 0 ? name : `if${link.index}`
  if (message.type === RTM_GETLINK) return `link show ${device}`.trim()
  if (message.type === RTM_SETLINK) return `bridge link set dev ${device}${describePort(message)}`
  const what = verb(message, RTM_DELLINK)
  if (what === "del") return `link del ${device}`
  if (what === "set") return `link set ${device}${describeChange(message, link, device === name ? "" : name)}`
  const vxlan = link.vxlan === null ? "" : ` id ${link.vxlan.vni} dstport ${link.vxlan.port}`
  const master = link.master === null ? "" : ` master if${link.master}`
  return `link add ${name} type ${link.kind}${vxlan}${master}`
}

function describeChange(message: ReceivedMessage, link: Link, newName: string): string {
  const changed = message.view.getUint32(message.start + 12, true)
  const parts = [
    (changed & IFF_UP) === 0 ? "" : link.up ? "up" : "down",
    newName === "" ? "" : `name ${newName}`,
    link.mac === null ? "" : `address ${link.mac}`,
    link.mtu === 0 ? "" : `mtu ${link.mtu}`,
    link.master === null ? "" : link.master === 0 ? "nomaster" : `master if${link.master}`,
    link.alias === null ? "" : `alias ${link.alias}`,
  ]
  return parts
    .filter((part) => part !== "")
    .map((part) => ` ${part}`)
    .join("")
}

/** The flags that are in the request, by the names that this library gives them. */
function describePort(message: ReceivedMessage): string {
  const attributes = attributesAfter(message, 16)
  let text = ""
  while (attributes.next()) {
    if (attributes.type === IFLA_PROTINFO) text += portFlags(attributes.nested())
  }
  return text
}

function firstName(message: ReceivedMessage): string {
  const attributes = attributesAfter(message, 16)
  while (attributes.next()) {
    if (attributes.type === IFLA_IFNAME || attributes.type === IFLA_ALT_IFNAME) return attributes.string()
  }
  return ""
}

function altname(message: ReceivedMessage): string {
  const attributes = attributesAfter(message, 16)
  let [device, name] = [`if${message.view.getInt32(message.start + 4, true)}`, ""]
  while (attributes.next()) {
    if (attributes.type === IFLA_IFNAME) device = attributes.string()
    else if (attributes.type === IFLA_PROP_LIST) {
      const properties = attributes.nested()
      while (properties.next()) name = properties.string()
    }
  }
  return `dev ${device} altname ${name}`
}

function describeAddress(message: ReceivedMessage): string {
  const found = decodeAddress(message)!
  return `address ${verb(message, RTM_DELADDR)} ${found.address}/${found.prefixLength} dev if${found.index}`
}

function describeNeighbour(message: ReceivedMessage): string {
  const row = decodeNeighbour(message)!
  const mac = row.mac === null ? "" : ` lladdr ${row.mac}`
  const action = message.type === RTM_DELNEIGH ? "del" : "replace"
  return `neigh ${action}${row.proxy ? " proxy" : ""} ${row.ip}${mac} dev if${row.index}`
}

function describeFdb(message: ReceivedMessage): string {
  const row = decodeFdb(message)!
  const dst = row.dst === null ? "" : ` dst ${row.dst}`
  const action = message.type === RTM_DELNEIGH ? "del" : "replace"
  return `fdb ${action} ${row.mac} dev if${row.index}${dst} ${row.on}`
}

function describeRoute(message: ReceivedMessage): string {
  const route = decodeRoute(message)!
  const via = route.via === null ? "" : ` via ${route.via}`
  const device = route.index === null ? "" : ` dev if${route.index}`
  return `route ${verb(message, RTM_DELROUTE)} ${route.dst}${via}${device}`
}
