/** Each operation as the netlink requests that it stands for. */
import { unreachable } from "../base/assert.ts"
import { FLOOD_MAC, HOST_NAMESPACE } from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { addr, type Batch, fdb, link, neigh, route } from "../netlink/index.ts"
import { setQuietIpv6 } from "./link-requests.ts"

/** Those that are requests to the namespace they act in, and can share a batch. */
export type NetlinkOperation = Exclude<
  Operation,
  { op: "netns-add" | "netns-del" | "sysctl" | "sysctl-restore" | "vxlan-add" }
>

/** What the kernel says where there is nothing to delete. */
export const ABSENT_ERRORS: readonly string[] = ["ENOENT", "ENODEV", "ESRCH", "EADDRNOTAVAIL"]

export function isDeletion(operation: Operation): boolean {
  return operation.op.endsWith("-del")
}

/** The device whose index `request` wants; null: none. */
export function needsIndexOf(operation: NetlinkOperation): string | null {
  switch (operation.op) {
    case "bridge-add":
    case "link-del":
      return null
    case "veth-add":
      return operation.master
    case "link-set":
      return operation.master ?? null
    default:
      return operation.name
  }
}

/**
 * Puts an operation's requests into a batch; the first is the one that makes or removes the object. `index` is that
 * of `needsIndexOf`, `descriptorOf` gives an open descriptor of the namespace where a far end goes (-1: the host's).
 */
export function request(batch: Batch, o: NetlinkOperation, index: number, descriptorOf: (ns: string) => number): void {
  switch (o.op) {
    case "bridge-add":
      link.add(batch, {
        kind: "bridge",
        name: o.name,
        mac: o.mac,
        mtu: o.mtu,
        vlanDefaultPvid: 0,
        mcastSnooping: false,
        // Else each new port would have everything on its bridge looked at once more, 15 s later.
        forwardDelaySeconds: 0,
      })
      link.set(batch, o.name, { alias: o.alias })
      return
    case "veth-add": {
      const { name, index: ownIndex, mac, mtu } = o
      const peer = { name: o.peer.name, mac: o.peer.mac, mtu, namespace: descriptorOf(o.peer.ns) }
      // One for each processor would take the kernel a quarter longer to make, and a pair has no lock to share out.
      link.add(batch, { kind: "veth", name, index: ownIndex, mac, mtu, master: index, peer, queues: 1 })
      // Of a hidden namespace IPv6 is off altogether.
      if (o.ns === HOST_NAMESPACE) setQuietIpv6(batch, name)
      link.set(batch, name, { alias: o.alias, up: true })
      return
    }
    case "link-set": {
      const { up, mtu, mac, alias } = o
      // Before it goes up: an interface makes its own IPv6 address at that moment.
      if (o.quietIpv6) setQuietIpv6(batch, o.name)
      link.set(batch, o.name, { up, mtu, mac, alias, master: o.master === undefined ? undefined : index })
      return
    }
    case "link-del":
      return link.del(batch, o.name)
    case "port-set": {
      const { learning, flood, isolated, hairpin = false } = o
      return link.setPort(batch, index, { learning, flood, isolated, hairpin })
    }
    case "addr-add":
      return addr.replace(batch, { index, address: o.address, nodad: o.address.includes(":") })
    case "addr-del":
      return addr.del(batch, { index, address: o.address })
    case "route-replace":
      return route.replace(batch, { index, dst: o.dst, via: o.via ?? undefined })
    case "route-append":
      return route.append(batch, { index, dst: o.dst, via: o.via ?? undefined })
    case "route-del":
      return route.del(batch, { index, dst: o.dst, via: o.via ?? undefined })
    case "fdb-replace":
      return fdb.replace(batch, fdbRow(index, o))
    case "fdb-del":
      return fdb.del(batch, fdbRow(index, o))
    case "flood-add":
      return fdb.append(batch, { index, mac: FLOOD_MAC, dst: o.dst })
    case "flood-del":
      return fdb.del(batch, { index, mac: FLOOD_MAC, dst: o.dst })
    case "neigh-replace":
      return neigh.replace(batch, { index, ip: o.ip, mac: o.mac })
    case "neigh-del":
      return neigh.del(batch, { index, ip: o.ip })
    default:
      return unreachable(o)
  }
}

function fdbRow(index: number, { mac, dst }: { mac: string; dst: string | null }): fdb.FdbSpec {
  return dst === null ? { index, mac, on: "master" } : { index, mac, dst, on: "self" }
}
