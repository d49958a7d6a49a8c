/**
 * One step of a change to the kernel: a small tagged value, the equivalent of one `ip`, `bridge` or `sysctl` line, with
 * the namespace that it acts in. Plans are lists of these, tests assert them as text, errors name them, and an attach
 * that fails half-way is undone by their opposites in reverse.
 */
import { unreachable } from "../base/assert.ts"
import { FLOOD_MAC, HOST_NAMESPACE, type NamespacePath, NETNS_DIRECTORY, type PortFlags } from "./dataplane.ts"

/** The far end of a pair: in another namespace, with the MAC that the workload shows. */
export interface PeerEnd {
  ns: NamespacePath
  name: string
  mac: string
}

export interface LinkChange {
  up?: boolean
  mtu?: number
  mac?: string
  alias?: string
  master?: string
  /** IPv6 makes no address by itself, so the interface says nothing on its own. */
  quietIpv6?: true
}

export type Operation =
  /** Made and pinned; empty, `lo` down. */
  | { op: "netns-add"; ns: NamespacePath }
  | { op: "netns-del"; ns: NamespacePath }
  /** Down; no VLANs, no multicast snooping (spanning tree is off unless asked for). */
  | { op: "bridge-add"; ns: NamespacePath; name: string; mac: string; mtu: number; alias: string }
  /** Made from the host's namespace, where its UDP socket stays, straight into `ns`; up. */
  | {
      op: "vxlan-add"
      ns: NamespacePath
      name: string
      vni: number
      local: string
      port: number
      mac: string
      mtu: number
      master: string
      alias: string
      /** It answers ARP and neighbour solicitations from its neighbour rows, and passes none on. */
      proxy: boolean
    }
  /** Both ends at once, each in its namespace; the near end up, the far end down (the kernel cannot do more) and with the same MTU. */
  | {
      op: "veth-add"
      ns: NamespacePath
      name: string
      index: number
      mac: string
      mtu: number
      master: string
      alias: string
      peer: PeerEnd
    }
  | ({ op: "link-set"; ns: NamespacePath; name: string } & LinkChange)
  | { op: "link-del"; ns: NamespacePath; name: string }
  | ({ op: "port-set"; ns: NamespacePath; name: string } & PortFlags)
  | { op: "addr-add" | "addr-del"; ns: NamespacePath; name: string; address: string }
  /** `route-append` comes behind what there is to the same destination: that of others stays, and is preferred. */
  | {
      op: "route-replace" | "route-append" | "route-del"
      ns: NamespacePath
      name: string
      dst: string
      via: string | null
    }
  /** `dst` null: a static row of the bridge itself, on the port `name`. */
  | { op: "fdb-replace" | "fdb-del"; ns: NamespacePath; name: string; mac: string; dst: string | null }
  /** One destination more, or less, of what has no row in a vxlan's own table. */
  | { op: "flood-add" | "flood-del"; ns: NamespacePath; name: string; dst: string }
  | { op: "neigh-replace" | "neigh-del"; ns: NamespacePath; name: string; ip: string; mac: string }
  /** `remember`: the value before is written down first and put back by `down`. */
  | { op: "sysctl"; ns: NamespacePath; key: string; value: string; remember: boolean }
  /** Puts remembered values back, except where somebody has meanwhile switched forwarding on for the whole host. */
  | { op: "sysctl-restore"; ns: NamespacePath }

/** The line that does the same, as an engineer would type it. */
export function renderOperation(operation: Operation): string {
  switch (operation.op) {
    case "netns-add":
      return `ip netns add ${shortNamespace(operation.ns)}`
    case "netns-del":
      return `ip netns del ${shortNamespace(operation.ns)}`
    case "sysctl":
      return `${inside(operation.ns)}sysctl -w ${operation.key}=${operation.value}`
    case "sysctl-restore":
      return "sysctl restore"
    case "port-set":
    case "fdb-replace":
    case "fdb-del":
    case "flood-add":
    case "flood-del":
      return `bridge ${at(operation.ns)}${renderBridge(operation)}`
    default:
      return `ip ${at(operation.ns)}${renderIp(operation)}`
  }
}

export function renderPlan(operations: readonly Operation[]): string {
  return operations.map((operation) => `${renderOperation(operation)}\n`).join("")
}

type BridgeOperation = Extract<Operation, { op: "port-set" | "fdb-replace" | "fdb-del" | "flood-add" | "flood-del" }>
type IpOperation = Exclude<Operation, BridgeOperation | { op: "netns-add" | "netns-del" | "sysctl" | "sysctl-restore" }>

function renderBridge(o: BridgeOperation): string {
  if (o.op === "port-set") {
    const flags = `learning ${onOff(o.learning)} flood ${onOff(o.flood)} isolated ${onOff(o.isolated)}${o.hairpin ? " hairpin on" : ""}`
    return `link set dev ${o.name} ${flags}`
  }
  if (!("mac" in o)) {
    const verb = o.op === "flood-add" ? "append" : "del"
    return `fdb ${verb} ${FLOOD_MAC} dev ${o.name} dst ${o.dst} self permanent`
  }
  const verb = o.op === "fdb-replace" ? "replace" : "del"
  const where = o.dst === null ? "master static" : `dst ${o.dst} self permanent`
  return `fdb ${verb} ${o.mac} dev ${o.name} ${where}`
}

function renderIp(o: IpOperation): string {
  switch (o.op) {
    case "bridge-add":
      return (
        `link add ${o.name} address ${o.mac} mtu ${o.mtu} alias ${o.alias} ` +
        "type bridge mcast_snooping 0 vlan_default_pvid 0"
      )
    case "vxlan-add":
      return (
        `link add ${o.name} address ${o.mac} mtu ${o.mtu} master ${o.master} alias ${o.alias} up ` +
        `type vxlan id ${o.vni} local ${o.local} dstport ${o.port} nolearning${o.proxy ? " proxy" : ""}`
      )
    case "veth-add":
      return (
        `link add ${o.name} index ${o.index} address ${o.mac} mtu ${o.mtu} master ${o.master} alias ${o.alias} up ` +
        `type veth peer ${o.peer.name} ` +
        `netns ${shortNamespace(o.peer.ns)} address ${o.peer.mac} mtu ${o.mtu}`
      )
    case "link-set":
      return `link set ${o.name}${renderChange(o)}`
    case "link-del":
      return `link del ${o.name}`
    case "addr-add":
      return `addr add ${o.address} dev ${o.name}`
    case "addr-del":
      return `addr del ${o.address} dev ${o.name}`
    case "route-replace":
    case "route-append":
    case "route-del":
      return `route ${o.op.slice(6)} ${o.dst}${o.via === null ? "" : ` via ${o.via}`} dev ${o.name}`
    case "neigh-replace":
      return `neigh replace ${o.ip} lladdr ${o.mac} dev ${o.name} nud permanent`
    case "neigh-del":
      return `neigh del ${o.ip} dev ${o.name}`
    default:
      return unreachable(o)
  }
}

function renderChange(change: LinkChange): string {
  const parts: string[] = []
  if (change.alias !== undefined) parts.push(`alias ${change.alias}`)
  if (change.mac !== undefined) parts.push(`address ${change.mac}`)
  if (change.mtu !== undefined) parts.push(`mtu ${change.mtu}`)
  if (change.master !== undefined) parts.push(`master ${change.master}`)
  if (change.quietIpv6) parts.push("addrgenmode none")
  if (change.up !== undefined) parts.push(change.up ? "up" : "down")
  return parts.map((part) => ` ${part}`).join("")
}

/** What takes an operation back, or null where deleting what holds it does that, or there is no way back. */
export function undoOperation(operation: Operation): Operation | null {
  const { op, ns } = operation
  switch (op) {
    case "netns-add":
      return { op: "netns-del", ns }
    case "bridge-add":
    case "vxlan-add":
    case "veth-add":
      return { op: "link-del", ns, name: operation.name }
    case "addr-add":
      return { op: "addr-del", ns, name: operation.name, address: operation.address }
    case "route-replace":
    case "route-append":
      return { op: "route-del", ns, name: operation.name, dst: operation.dst, via: operation.via }
    case "fdb-replace":
      return { op: "fdb-del", ns, name: operation.name, mac: operation.mac, dst: operation.dst }
    case "flood-add":
      return { op: "flood-del", ns, name: operation.name, dst: operation.dst }
    case "neigh-replace":
      return { op: "neigh-del", ns, name: operation.name, ip: operation.ip, mac: operation.mac }
    case "sysctl":
      return operation.remember ? { op: "sysctl-restore", ns } : null
    default:
      return null
  }
}

/** `1-249690033b` for what stands in /run/netns, the whole path otherwise, as `ip netns` takes it. */
function shortNamespace(ns: NamespacePath): string {
  if (ns === HOST_NAMESPACE) return "host"
  return ns.startsWith(`${NETNS_DIRECTORY}/`) ? ns.slice(NETNS_DIRECTORY.length + 1) : ns
}

function at(ns: NamespacePath): string {
  return ns === HOST_NAMESPACE ? "" : `-n ${shortNamespace(ns)} `
}

function inside(ns: NamespacePath): string {
  return ns === HOST_NAMESPACE ? "" : `ip netns exec ${shortNamespace(ns)} `
}

function onOff(on: boolean): string {
  return on ? "on" : "off"
}
