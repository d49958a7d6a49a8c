/**
 * Notifications of the kernel: what changed in a namespace, told as it happens, through Bun's event loop. Events are
 * lost when they come faster than they are read; the kernel says so, and the only cure is to list again.
 */
import { NETLINK_MONITOR_BUFFER_BYTES } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import { close, SOCK_NONBLOCK, setsockopt } from "../linux/libc.ts"
import { type NamespaceRef, openNamespace } from "../linux/namespaces.ts"
import { type Address, decodeAddress } from "./addr.ts"
import {
  AF_BRIDGE,
  NETLINK_ADD_MEMBERSHIP,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELNSID,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWNSID,
  RTM_NEWROUTE,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_NSID,
  SOL_NETLINK,
} from "./constants.ts"
import { decodeFdb, type FdbEntry } from "./fdb.ts"
import { decodeLink, type Link } from "./link-decode.ts"
import { forEachMessage, type ReceivedMessage } from "./message.ts"
import { decodeNeighbour, type Neighbour } from "./neigh.ts"
import { decodeNsid } from "./nsid.ts"
import { decodeRoute, type Route } from "./route.ts"
import { openRtnetlink } from "./socket.ts"

/** `neigh` brings both neighbour and FDB rows. */
export type MonitorGroup = "link" | "addr" | "neigh" | "route" | "nsid"

const GROUPS: Record<MonitorGroup, readonly number[]> = {
  link: [RTNLGRP_LINK],
  addr: [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR],
  neigh: [RTNLGRP_NEIGH],
  route: [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE],
  nsid: [RTNLGRP_NSID],
}

/** `new` is for what came and for what changed. */
export type MonitorAction = "new" | "del"

export type MonitorEvent =
  | { kind: "link"; action: MonitorAction; link: Link }
  /** The link as a port of a bridge: `del` means that it left the bridge, not that it is gone. */
  | { kind: "port"; action: MonitorAction; link: Link }
  | { kind: "addr"; action: MonitorAction; address: Address }
  | { kind: "neigh"; action: MonitorAction; neighbour: Neighbour }
  | { kind: "fdb"; action: MonitorAction; entry: FdbEntry }
  | { kind: "route"; action: MonitorAction; route: Route }
  | { kind: "nsid"; action: MonitorAction; nsid: number }

export interface MonitorOptions {
  /** A path or an open descriptor; this thread's own namespace if left out. The monitor keeps it alive. */
  namespace?: NamespaceRef
  groups: readonly MonitorGroup[]
  onEvent: (event: MonitorEvent) => void
  /** Events were lost. The monitor goes on; what was missed must be listed. */
  onOverrun: () => void
  /** The monitor has ended for a reason other than `close`. */
  onFailed: (error: unknown) => void
}

export interface Monitor {
  /** Ends it; no callback comes afterwards. Closing twice is allowed. */
  close(): void
}

/** Starts to listen: whatever happens after the return of this call is told, or reported as lost. */
export function openMonitor(options: MonitorOptions): Monitor {
  // Held for reopening: by then the path may stand for another namespace, and a descriptor may be closed.
  const { namespace = "/proc/thread-self/ns/net" } = options
  const held = openNamespace(typeof namespace === "number" ? `/proc/self/fd/${namespace}` : namespace)
  let closed = false
  let stop = () => {}

  const finish = (): boolean => {
    if (closed) return false
    closed = true
    stop()
    close(held)
    return true
  }
  const fail = (error: unknown) => {
    if (finish()) options.onFailed(error)
  }
  const onData = (bytes: Uint8Array) => {
    if (closed) return
    try {
      for (const event of decodeEvents(bytes)) if (!closed) options.onEvent(event)
    } catch (error) {
      fail(error)
    }
  }
  const onClosed = (error: unknown) => {
    if (closed) return
    // Bun takes ENOBUFS for the end of the socket. The new one listens before the caller lists: no gap.
    if (!isErrno(error, "ENOBUFS")) return fail(error ?? new Error("the netlink socket was closed"))
    try {
      stop = listen(held, options.groups, onData, onClosed)
    } catch (failure) {
      return fail(failure)
    }
    options.onOverrun()
  }

  try {
    stop = listen(held, options.groups, onData, onClosed)
  } catch (error) {
    close(held)
    throw error
  }
  return { close: () => void finish() }
}

/** Opens one socket and gives it to the event loop, which closes it in the end. Returns what stops it. */
function listen(
  namespace: number,
  groups: readonly MonitorGroup[],
  onData: (bytes: Uint8Array) => void,
  onClosed: (error: unknown) => void,
): () => void {
  const fd = openRtnetlink({ namespace }, NETLINK_MONITOR_BUFFER_BYTES, SOCK_NONBLOCK)
  try {
    for (const group of groups.flatMap((name) => GROUPS[name]))
      setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
  } catch (error) {
    close(fd)
    throw error
  }
  let ended = false
  const end = (error: unknown) => {
    if (ended) return
    ended = true
    onClosed(error)
  }
  const handlers = {
    data: (_socket: unknown, bytes: Uint8Array) => onData(bytes),
    close: (_socket: unknown, error?: Error) => end(error),
    error: (_socket: unknown, error: Error) => end(error),
  }
  const connecting = Bun.connect({ fd, socket: handlers } as unknown as Parameters<typeof Bun.connect>[0])
  connecting.catch(end)
  return () => {
    ended = true
    connecting.then(
      (socket) => socket.terminate(),
      () => {},
    )
  }
}

/** The events in one datagram of notifications, in order; what is of no interest is left out. */
export function decodeEvents(bytes: Uint8Array): MonitorEvent[] {
  const events: MonitorEvent[] = []
  forEachMessage(bytes, bytes.length, (message) => {
    const event = decodeEvent(message)
    if (event !== null) events.push(event)
  })
  return events
}

function decodeEvent(message: ReceivedMessage): MonitorEvent | null {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const link = decodeLink(message)
      const kind = message.view.getUint8(message.start) === AF_BRIDGE ? "port" : "link"
      return { kind, action: message.type === RTM_NEWLINK ? "new" : "del", link }
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = decodeAddress(message)
      return address && { kind: "addr", action: message.type === RTM_NEWADDR ? "new" : "del", address }
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return decodeRow(message)
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = decodeRoute(message)
      return route && { kind: "route", action: message.type === RTM_NEWROUTE ? "new" : "del", route }
    }
    case RTM_NEWNSID:
    case RTM_DELNSID: {
      const nsid = decodeNsid(message)
      return nsid === null ? null : { kind: "nsid", action: message.type === RTM_NEWNSID ? "new" : "del", nsid }
    }
  }
  return null
}

/** Neighbour and FDB rows come in the same messages, told apart by the family. */
function decodeRow(message: ReceivedMessage): MonitorEvent | null {
  const action = message.type === RTM_NEWNEIGH ? "new" : "del"
  const entry = decodeFdb(message)
  if (entry !== null) return { kind: "fdb", action, entry }
  const neighbour = decodeNeighbour(message)
  return neighbour && { kind: "neigh", action, neighbour }
}
