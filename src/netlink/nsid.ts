/** The numbers by which a namespace knows others: what `link-netnsid` in a link stands for (`ip netns list-id`). */
import { AF_UNSPEC, NETNSA_FD, NETNSA_NSID, RTM_GETNSID, RTM_NEWNSID } from "./constants.ts"
import { attributesAfter, type MessageWriter, type ReceivedMessage } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"

/** `struct rtgenmsg` with its padding. */
const RTGENMSG_BYTES = 4
/** NETNSA_NSID_NOT_ASSIGNED: -1. */
const ANY_NSID = 0xffff_ffff

/** The socket's namespace's number for another one, given as an open descriptor; null if it has none. */
export function get(socket: NetlinkSocket, namespace: number): number | null {
  const build = (writer: MessageWriter) => {
    writer.u32(AF_UNSPEC)
    writer.attributeU32(NETNSA_FD, namespace)
  }
  return socket.get(RTM_GETNSID, build, decodeNsid)
}

/** Gives another namespace a number in the socket's, the kernel's choice. EEXIST where it has one. */
export function add(target: RequestTarget, namespace: number): void {
  const writer = target.begin(RTM_NEWNSID, 0)
  writer.u32(AF_UNSPEC)
  writer.attributeU32(NETNSA_NSID, ANY_NSID)
  writer.attributeU32(NETNSA_FD, namespace)
  target.end()
}

/** All numbers in use in the socket's namespace. */
export function list(socket: NetlinkSocket): number[] {
  return socket.dump(RTM_GETNSID, RTM_NEWNSID, (writer) => writer.u32(AF_UNSPEC), decodeNsid)
}

/** Decodes an RTM_NEWNSID or RTM_DELNSID message; null for "not assigned" (-1). */
export function decodeNsid(message: ReceivedMessage): number | null {
  const attributes = attributesAfter(message, RTGENMSG_BYTES)
  while (attributes.next()) {
    if (attributes.type === NETNSA_NSID) return attributes.i32() < 0 ? null : attributes.i32()
  }
  return null
}
