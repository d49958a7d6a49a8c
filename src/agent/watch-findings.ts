/**
 * What a repair found wrong, in words: which object, what was expected of it, what was found instead. Pure: made from the
 * operations that set it right and from what had been observed before them.
 */
import {
  EGRESS_BRIDGE_NAME,
  HOST_NAMESPACE,
  type NamespacePath,
  NETNS_DIRECTORY,
  type ObservedEgress,
  type ObservedInterface,
  type ObservedLink,
  type ObservedNetwork,
  type ObservedPort,
  type RouteState,
} from "../model/dataplane.ts"
import { type Operation, renderOperation } from "../model/operation.ts"

export interface Finding {
  object: string
  expected: string
  found: string
}

/** What was looked at before the repair. */
export interface Seen {
  network?: ObservedNetwork | null
  egress?: ObservedEgress | null
  /** The workloads' ends: in which namespace, and what was there. */
  farEnds?: Iterable<{ netns: NamespacePath; ifname: string; observed: ObservedInterface | null }>
}

type SeenLink = ObservedLink & Partial<Pick<ObservedPort, "flags"> & { addresses: string[]; routes: RouteState[] }>
type LinkSet = Extract<Operation, { op: "link-set" }>

const NOTHING = "nothing"

/** One for each object that was wrong; what comes and goes with an object that was missing is not told again. */
export function findingsOf(operations: readonly Operation[], seen: Seen): Finding[] {
  const links = linksOf(seen)
  const made = madeBy(operations)
  const replaced = new Set(
    operations.flatMap((o) => (o.op === "fdb-replace" || o.op === "neigh-replace" ? rowKey(o) : [])),
  )
  const findings: Finding[] = []
  for (const operation of operations) {
    const own = "name" in operation ? placeOf(operation.ns, operation.name) : null
    const isMaking = operation.op.endsWith("-add") && !ADDS_TO.has(operation.op)
    if (operation.op !== "netns-add" && made.has(operation.ns)) continue
    if (operation.op === "veth-add" && made.has(operation.peer.ns)) continue
    if (!isMaking && own !== null && made.has(own)) continue
    if ((operation.op === "fdb-del" || operation.op === "neigh-del") && replaced.has(rowKey(operation))) continue
    if (operation.op === "sysctl-restore") continue
    findings.push(findingOf(operation, own === null ? undefined : links.get(own), seen))
  }
  return findings
}

/** Namespaces and links that the plan makes, as keys of `placeOf` or paths. */
function madeBy(operations: readonly Operation[]): Set<string> {
  const made = new Set<string>()
  for (const operation of operations) {
    switch (operation.op) {
      case "netns-add":
        made.add(operation.ns)
        break
      case "veth-add":
        made.add(placeOf(operation.peer.ns, operation.peer.name))
        made.add(placeOf(operation.ns, operation.name))
        break
      case "bridge-add":
      case "vxlan-add":
        made.add(placeOf(operation.ns, operation.name))
    }
  }
  return made
}

function findingOf(o: Operation, link: SeenLink | undefined, seen: Seen): Finding {
  switch (o.op) {
    case "netns-add":
      return { object: `namespace ${where(o.ns)}`, expected: "it, with all that is in it", found: NOTHING }
    case "bridge-add":
    case "vxlan-add":
    case "veth-add":
      return { object: linkIn(o.ns, o.name), expected: kindOf(o), found: link ? foundKind(link, seen) : NOTHING }
    case "link-del":
      return { object: linkIn(o.ns, o.name), expected: NOTHING, found: link?.kind ?? "a link" }
    case "link-set":
      return { object: linkIn(o.ns, o.name), ...changeOf(o, link) }
    case "port-set": {
      const { learning, flood, isolated, hairpin } = o
      const found = link?.flags ? flagsText({ ...link.flags }) : "other flags"
      return {
        object: `port ${o.name} in ${where(o.ns)}`,
        expected: flagsText({ learning, flood, isolated, ...(hairpin ? { hairpin } : {}) }),
        found,
      }
    }
    case "addr-add":
      return { object: linkIn(o.ns, o.name), expected: o.address, found: link?.addresses?.join(" ") || "no address" }
    case "addr-del":
      return { object: linkIn(o.ns, o.name), expected: `no address ${o.address}`, found: o.address }
    case "route-replace":
    case "route-append":
    case "route-del": {
      const expected = o.op === "route-del" ? NOTHING : routeText(o)
      const found = link?.routes
        ?.filter((route) => route.dst === o.dst && isIpv6Route(route) === isIpv6Route(o))
        .map(routeText)
        .join(", ")
      return { object: `route ${o.dst} of ${o.name} in ${where(o.ns)}`, expected, found: found || NOTHING }
    }
    case "fdb-replace":
    case "fdb-del": {
      const expected = o.op === "fdb-del" ? NOTHING : rowText(o.dst)
      return { object: `FDB row ${o.mac} of ${o.name} in ${where(o.ns)}`, expected, found: fdbFound(o, seen) }
    }
    case "flood-add":
    case "flood-del": {
      const [expected, found] = o.op === "flood-add" ? ["flooded", "left out"] : ["left out", "flooded"]
      return { object: `VTEP ${o.dst} of ${o.name} in ${where(o.ns)}`, expected, found }
    }
    case "neigh-replace":
    case "neigh-del": {
      const expected = o.op === "neigh-del" ? NOTHING : o.mac
      return { object: `neighbour ${o.ip} of ${o.name} in ${where(o.ns)}`, expected, found: neighbourFound(o.ip, seen) }
    }
    case "sysctl":
      return { object: `sysctl ${o.key} in ${where(o.ns)}`, expected: o.value, found: "another value" }
    default:
      return { object: renderOperation(o), expected: "done", found: "not done" }
  }
}

/** These add to an object; the others that end so make one. */
const ADDS_TO: ReadonlySet<string> = new Set(["addr-add", "flood-add"])

function changeOf(o: LinkSet, link: SeenLink | undefined): Pick<Finding, "expected" | "found"> {
  const keys = (["up", "mac", "mtu", "master", "alias"] as const).filter((key) => o[key] !== undefined)
  if (keys.length === 0) return { expected: "no IPv6 address of its own making", found: "IPv6 not as ovl made it" }
  const text = (key: (typeof keys)[number], value: unknown) =>
    key === "up" ? (value ? "up" : "down") : `${key} ${value ?? "none"}`
  return {
    expected: keys.map((key) => text(key, o[key])).join(", "),
    found: link ? keys.map((key) => text(key, link[key])).join(", ") : "something else",
  }
}

function kindOf(o: Extract<Operation, { op: "bridge-add" | "vxlan-add" | "veth-add" }>): string {
  if (o.op === "bridge-add") return "a bridge"
  if (o.op === "veth-add") return `a pair with ${o.peer.name} in ${where(o.peer.ns)}`
  return vxlanText(o)
}

function vxlanText({ vni, local, port }: { vni: number; local: string | null; port: number }): string {
  return `a vxlan device with VNI ${vni}, local ${local ?? "none"}, port ${port}`
}

function foundKind(link: SeenLink, { network }: Seen): string {
  const vxlan = network?.vxlan
  if (vxlan && vxlan.name === link.name && vxlan.kind === "vxlan") {
    const extra = `${vxlan.learning ? ", learning" : ""}${vxlan.proxy ? "" : ", no proxy"}`
    return `${vxlanText(vxlan)}${extra}`
  }
  return `${link.kind ?? "a link"}, not as wanted`
}

function flagsText(flags: object): string {
  return Object.entries(flags)
    .map(([flag, on]) => `${flag} ${on ? "on" : "off"}`)
    .join(" ")
}

/** Of two default routes it is the gateway that tells. */
function isIpv6Route({ dst, via }: RouteState): boolean {
  return `${dst} ${via}`.includes(":")
}

function routeText({ dst, via }: RouteState): string {
  return via === null ? dst : `${dst} via ${via}`
}

function rowText(dst: string | null): string {
  return dst === null ? "static" : `dst ${dst}`
}

function fdbFound(o: Extract<Operation, { op: "fdb-replace" | "fdb-del" }>, { network }: Seen): string {
  if (o.op === "fdb-del") return rowText(o.dst)
  if (o.dst === null) return NOTHING
  const rows = network?.fdb.filter((row) => row.mac === o.mac) ?? []
  return rows.map((row) => `${rowText(row.dst)}${row.permanent ? "" : ", not permanent"}`).join(", ") || NOTHING
}

function neighbourFound(ip: string, { network }: Seen): string {
  const row = network?.neighbours.find((each) => each.ip === ip)
  return row ? `${row.mac ?? "no MAC"}${row.permanent ? "" : ", not permanent"}` : NOTHING
}

function linksOf({ network, egress, farEnds = [] }: Seen): Map<string, SeenLink> {
  const links = new Map<string, SeenLink>()
  for (const link of [network?.bridge, network?.vxlan, ...(network?.ports ?? [])])
    if (network && link) links.set(placeOf(network.netns, link.name), link)
  // Of a bridge that is gone only its ports are left.
  if (egress?.bridge.kind != null) links.set(placeOf(HOST_NAMESPACE, EGRESS_BRIDGE_NAME), egress.bridge)
  for (const port of egress?.ports ?? []) links.set(placeOf(HOST_NAMESPACE, port.name), port)
  for (const { netns, ifname, observed } of farEnds) if (observed) links.set(placeOf(netns, ifname), observed)
  return links
}

function rowKey(o: Extract<Operation, { op: "fdb-replace" | "fdb-del" | "neigh-replace" | "neigh-del" }>): string {
  const key = o.op.startsWith("fdb") ? o.mac : "ip" in o ? o.ip : ""
  return `${o.op.slice(0, 3)} ${placeOf(o.ns, o.name)} ${key}`
}

function placeOf(ns: NamespacePath, name: string): string {
  return `${ns} ${name}`
}

function linkIn(ns: NamespacePath, name: string): string {
  return `link ${name} in ${where(ns)}`
}

function where(ns: NamespacePath): string {
  if (ns === HOST_NAMESPACE) return "the host"
  return ns.startsWith(`${NETNS_DIRECTORY}/`) ? ns.slice(NETNS_DIRECTORY.length + 1) : ns
}
