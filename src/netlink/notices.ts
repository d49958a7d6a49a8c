/**
 * Notices: that something changed, in this namespace or in any other that this one has a number for. Where a monitor
 * tells what changed, as values, through the event loop, notices tell only where, and wait in the kernel until they are
 * read: thousands of namespaces are watched through one socket, which keeps none of them alive.
 */
import { NETLINK_MONITOR_BUFFER_BYTES, NOTICES_READ_MAX } from "../base/limits.ts"
import { LinuxError } from "../linux/errno.ts"
import {
  AF_NETLINK,
  bind,
  close,
  type MmsgHeaders,
  MSG_DONTWAIT,
  mmsgHeaders,
  recvmmsg,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  setsockopt,
  socket,
  trySetsockopt,
} from "../linux/libc.ts"
import {
  AF_BRIDGE,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_LISTEN_ALL_NSID,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NLMSG_HEADER_BYTES,
  NFNLGRP_NFTABLES,
  RT_TABLE_LOCAL,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_NETCONF,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_NETCONF,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_NEXTHOP,
  SOL_NETLINK,
} from "./constants.ts"

/**
 * `fdb` are a bridge's or a vxlan's rows; `sysctl` those of a device, as far as the kernel tells; `rules` nf_tables';
 * `elements` those of the sets in the one table that was asked for.
 */
export type NoticeKind = "link" | "addr" | "neigh" | "fdb" | "route" | "sysctl" | "rules" | "elements"

export interface Notice {
  kind: NoticeKind
  /** The number of the namespace where it happened; null: the one that the socket was opened in. */
  nsid: number | null
  /** Of a link, an address, a row or a device's sysctl: the device's index. */
  index: number
}

const ROUTE_GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV4_NETCONF,
  RTNLGRP_IPV6_NETCONF,
]

const NEXTHOP = 104
/** By the message type of rtnetlink without its two lowest bits, which say new, del, get or set. */
const KINDS: ReadonlyMap<number, NoticeKind> = new Map([
  [16, "link"],
  [20, "addr"],
  [24, "route"],
  [28, "neigh"],
  [80, "sysctl"],
  // Of a nexthop object that is deleted the IPv4 routes go with it, and are told no other way (net/ipv4/nexthop.c).
  [NEXTHOP, "route"],
])

/** Of nf_tables: elements of sets that came or went, and the end of each transaction, which tells nothing. */
const ELEMENTS: ReadonlySet<number> = new Set([12, 14])
const END_OF_TRANSACTION = 15
/** Family and table, as a notice of elements begins with them: `struct nfgenmsg`, then the table's name as attribute 1. */
export interface ElementsTable {
  family: number
  /** What fits into a slot: seven bytes at most. */
  table: string
}
const TABLE_ATTRIBUTE = 1

/** `struct sockaddr_nl` */
const SOCKADDR_NL_BYTES = 12
/** In `ifinfomsg`, `ifaddrmsg` and `ndmsg`; after `netconfmsg` it is the first attribute, NETCONFA_IFINDEX. */
const INDEX_AT = NLMSG_HEADER_BYTES + 4
const NETCONF_INDEX_AT = NLMSG_HEADER_BYTES + 8
/** In `rtmsg`. The kernel keeps this table itself: its routes come and go with addresses and devices, which are told too. */
const ROUTE_TABLE_AT = NLMSG_HEADER_BYTES + 4
/** The header and a little more: the rest of a notification is not looked at. */
const SLOT_BYTES = 32
const SLOTS = 128
/** ENOBUFS: notices came faster than they were read. */
const ENOBUFS = 105
const EAGAIN = 11

export class Notices {
  private readonly headers: MmsgHeaders = mmsgHeaders(SLOTS, SLOT_BYTES, true)
  private readonly view = new DataView(this.headers.arena.buffer)
  private open = true

  private constructor(
    private readonly fd: number,
    private readonly family: number,
    private readonly elementsOf: ElementsTable | null,
    /** Not only of the namespace that it was opened in. */
    readonly everywhere: boolean,
  ) {}

  /** Of links, addresses, rows, routes and sysctls of devices. */
  static openRoute(): Notices {
    return Notices.listen(NETLINK_ROUTE, ROUTE_GROUPS, null)
  }

  /**
   * Of nf_tables' rules, and of the elements of one table's sets: those of others come and go with what they stand for.
   * Throws `LinuxError` EPROTONOSUPPORT on a kernel without.
   */
  static openRules(elementsOf: ElementsTable): Notices {
    return Notices.listen(NETLINK_NETFILTER, [NFNLGRP_NFTABLES], elementsOf)
  }

  private static listen(family: number, groups: readonly number[], elementsOf: ElementsTable | null): Notices {
    const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family)
    try {
      const address = new Uint8Array(SOCKADDR_NL_BYTES)
      address[0] = AF_NETLINK
      bind(fd, address)
      if (!trySetsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, NETLINK_MONITOR_BUFFER_BYTES))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, NETLINK_MONITOR_BUFFER_BYTES)
      // Without the right to listen to others (CAP_NET_BROADCAST) the own namespace remains.
      const everywhere = trySetsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
      for (const group of groups) setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
      // Linux before 5.3 has no such objects.
      if (family === NETLINK_ROUTE) trySetsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEXTHOP)
      return new Notices(fd, family, elementsOf, everywhere)
    } catch (error) {
      close(fd)
      throw error
    }
  }

  /** Visits what has come, NOTICES_READ_MAX at most. True if some were lost: then everything must be looked at. */
  read(visit: (notice: Notice) => void): boolean {
    if (!this.open) return false
    let lost = false
    for (let seen = 0; seen < NOTICES_READ_MAX; ) {
      this.headers.rearm()
      const received = recvmmsg(this.fd, this.headers, MSG_DONTWAIT)
      if (received === -ENOBUFS) {
        lost = true
        continue
      }
      if (received === -EAGAIN) return lost
      if (received < 0) throw new LinuxError("reading what changed", -received)
      for (let slot = 0; slot < received; slot++) this.visit(slot, visit)
      seen += received
      if (received < SLOTS) return lost
    }
    return lost
  }

  private visit(slot: number, visit: (notice: Notice) => void): void {
    const at = slot * SLOT_BYTES
    const type = this.view.getUint16(at + 4, true)
    let kind = this.family === NETLINK_NETFILTER ? this.rulesKind(at, type & 0xff) : KINDS.get(type & ~3)
    if (kind === undefined) return
    // Both kinds of rows have the same messages, told apart by the family.
    if (kind === "neigh" && this.view.getUint8(at + NLMSG_HEADER_BYTES) === AF_BRIDGE) kind = "fdb"
    if (kind === "route" && (type & ~3) !== NEXTHOP && this.view.getUint8(at + ROUTE_TABLE_AT) === RT_TABLE_LOCAL)
      return
    const nsid = this.headers.controlInt(slot, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID)
    visit({ kind, nsid, index: this.view.getInt32(at + (kind === "sysctl" ? NETCONF_INDEX_AT : INDEX_AT), true) })
  }

  private rulesKind(at: number, type: number): NoticeKind | undefined {
    if (type === END_OF_TRANSACTION) return undefined
    if (!ELEMENTS.has(type)) return "rules"
    if (this.elementsOf === null) return undefined
    const { family, table } = this.elementsOf
    const body = at + NLMSG_HEADER_BYTES
    const isOfFamily = this.view.getUint8(body) === family && this.view.getUint16(body + 6, true) === TABLE_ATTRIBUTE
    const name = this.headers.arena.subarray(body + 8, body + 8 + table.length + 1)
    return isOfFamily && Buffer.from(name).toString("latin1") === `${table}\0` ? "elements" : undefined
  }

  /** Closing twice is allowed. */
  close(): void {
    if (!this.open) return
    this.open = false
    close(this.fd)
  }
}
