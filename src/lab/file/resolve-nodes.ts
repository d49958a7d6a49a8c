/** The underlay of a lab's file: its subnet, who has which address on it, what each cable is like, and what is cut. */
import { ETHERNET_MTU_BYTES, LAB_RATE_MAX_BITS, LAB_RATE_MIN_BITS } from "../../base/limits.ts"
import { nearest } from "../../base/nearest.ts"
import {
  type Cidr,
  cidrSize,
  containsAddress,
  firstHost,
  formatCidr,
  formatIpv4,
  lastHost,
  parseCidr,
  parseIpv4,
} from "../../model/cidr.ts"
import { SWITCH } from "../places.ts"
import { bare, type LabHost, type Topology } from "../topology.ts"
import { SWITCH_BRIDGE } from "../underlay/wanted.ts"
import { type Report, Taken } from "./report.ts"
import type { LabFile } from "./schema.ts"
import type { Path } from "./source.ts"

const DEFAULT_SUBNET = "192.168.1.0/24"
const DEFAULT_OUTSIDE = { name: "outside", address: "203.0.113.1" }
/** A subnet of the underlay: room for two nodes and the outside at least, and no larger than any lab needs. */
const PREFIX_MIN = 8
const PREFIX_MAX = 29
const RATE_UNITS: Record<string, number> = { k: 1_000, m: 1_000_000, g: 1_000_000_000 }

/** A station's cable on the switch is called after it: these names are somebody's there, or mean something else. */
const RESERVED = new Map([
  [SWITCH, "the switch's own name"],
  [SWITCH_BRIDGE, "the name of the switch's bridge"],
  ["lo", "the name of the loopback interface"],
  ["all", "what the kernel calls all interfaces together"],
  ["default", "what the kernel calls interfaces that are still to come"],
])

type Stations = Pick<Topology, "underlay" | "hosts" | "outside" | "cuts">

/** Null where nothing more can be said, as the subnet itself is wrong. `names` are those that are taken. */
export function resolveStations(file: LabFile, report: Report, names: Taken, before: Topology | null): Stations | null {
  const underlay = file.underlay ?? {}
  const mtu = underlay.mtu ?? ETHERNET_MTU_BYTES
  const subnet = underlaySubnet(underlay.subnet ?? DEFAULT_SUBNET, report)
  if (subnet === null) return null
  const addresses = new Taken()
  const outside = resolveOutside(file, subnet, report, names, addresses)
  const hosts = resolveHosts(file, subnet, report, names, addresses, before)
  if (hosts.length === 0) report.wrong(["nodes"], "a lab has one node at least")
  else if (!hosts.some((host) => host.role === "server")) report.wrong(["nodes"], "one node at least must be a server")
  const cuts = resolveCuts(file, [...hosts.map((host) => host.name), outside.name], report)
  return { underlay: { subnet: formatCidr(subnet), mtu }, hosts, outside, cuts }
}

function underlaySubnet(text: string, report: Report): Cidr | null {
  const path = ["underlay", "subnet"]
  const subnet = report.judged(path, () => parseCidr(text))
  if (subnet === null) return null
  if (subnet.prefix < PREFIX_MIN || subnet.prefix > PREFIX_MAX) {
    report.wrong(path, `the prefix length of the underlay must be from ${PREFIX_MIN} to ${PREFIX_MAX}`)
    return null
  }
  return subnet
}

/** The address as a number; null, and told, where no interface in the subnet can have it. */
function underlayAddress(text: string, subnet: Cidr, path: Path, report: Report): number | null {
  const address = parseIpv4(text)
  const why =
    address === null
      ? "it is not an IPv4 address"
      : !containsAddress(subnet, address)
        ? `it is outside the underlay's subnet ${formatCidr(subnet)}`
        : address < firstHost(subnet)
          ? "it is the network address"
          : address > lastHost(subnet)
            ? "it is the broadcast address"
            : null
  if (why === null) return address
  report.wrong(path, `${text}: ${why}`)
  return null
}

function resolveOutside(
  file: LabFile,
  subnet: Cidr,
  report: Report,
  names: Taken,
  addresses: Taken,
): Topology["outside"] {
  const { name = DEFAULT_OUTSIDE.name, address = DEFAULT_OUTSIDE.address } = file.outside ?? {}
  names.take(name, "the outside host")
  const asked = file.underlay?.gateway
  const own = asked === undefined ? lastHost(subnet) : underlayAddress(asked, subnet, ["underlay", "gateway"], report)
  const underlay = formatIpv4(own ?? lastHost(subnet))
  addresses.take(underlay, "the outside host")
  const path = ["outside", "address"]
  const parsed = parseIpv4(address)
  if (parsed === null) report.wrong(path, `${address}: it is not an IPv4 address`)
  else if (containsAddress(subnet, parsed)) report.wrong(path, `${address}: it lies in the underlay's own subnet`)
  if (RESERVED.has(name)) report.wrong(["outside", "name"], `${name} is ${RESERVED.get(name)}`)
  return { name, underlay: `${underlay}/${subnet.prefix}`, address: `${address}/32` }
}

function resolveHosts(
  file: LabFile,
  subnet: Cidr,
  report: Report,
  names: Taken,
  addresses: Taken,
  before: Topology | null,
): LabHost[] {
  const entries = Object.entries(file.nodes)
  const anyServer = entries.some(([, node]) => node.role === "server")
  const given = new Map<string, number>()
  for (const [name, { address }] of entries) {
    const path = ["nodes", name]
    const other = names.take(name, `node ${name}`)
    if (other !== null) report.wrongName(path, `${name} is what ${other} is called`)
    if (RESERVED.has(name)) report.wrongName(path, `${name} is ${RESERVED.get(name)}`)
    if (address === undefined) continue
    const parsed = underlayAddress(address, subnet, [...path, "address"], report)
    if (parsed === null) continue
    const owner = addresses.take(formatIpv4(parsed), `node ${name}`)
    if (owner !== null) report.wrong([...path, "address"], `${address} is the address of ${owner}`)
    given.set(name, parsed)
  }
  // Who asks for none keeps what it has, and only then others get the next free one.
  for (const host of before?.hosts ?? []) {
    const known = parseIpv4(bare(host.address))
    const asksForNone = file.nodes[host.name] && file.nodes[host.name]!.address === undefined
    if (known === null || !asksForNone || !containsAddress(subnet, known)) continue
    if (addresses.take(formatIpv4(known), `node ${host.name}`) === null) given.set(host.name, known)
  }
  return entries.map(([name, node], at): LabHost => {
    const path = ["nodes", name]
    const address = given.get(name) ?? nextFree(subnet, addresses, `node ${name}`)
    if (address === null) report.wrongName(path, `the underlay ${formatCidr(subnet)} has no address left`)
    const role = node.role ?? (at === 0 && !anyServer ? "server" : "client")
    const rate = node.rate === undefined ? undefined : rateBits(node.rate, [...path, "rate"], report)
    const common = file.underlay?.rate === undefined ? null : rateBits(file.underlay.rate, ["underlay", "rate"], report)
    return {
      name,
      address: `${formatIpv4(address ?? subnet.address)}/${subnet.prefix}`,
      role,
      mtu: node.mtu ?? file.underlay?.mtu ?? ETHERNET_MTU_BYTES,
      rateBits: rate ?? common,
      cable: node.link ?? "up",
    }
  })
}

function nextFree(subnet: Cidr, addresses: Taken, owner: string): number | null {
  // Never longer than there are nodes: each step meets one that is taken.
  for (let offset = 0; offset < cidrSize(subnet); offset++) {
    const address = firstHost(subnet) + offset
    if (address > lastHost(subnet)) break
    if (addresses.take(formatIpv4(address), owner) === null) return address
  }
  return null
}

function rateBits(text: string, path: Path, report: Report): number | null {
  const [, number = "0", unit = "k"] = /^([\d.]+)([kmg])bit$/.exec(text) ?? []
  const bits = Math.round(Number(number) * RATE_UNITS[unit]!)
  if (bits >= LAB_RATE_MIN_BITS && bits <= LAB_RATE_MAX_BITS) return bits
  report.wrong(path, `${text}: a rate is from ${LAB_RATE_MIN_BITS / 1e3}kbit to ${LAB_RATE_MAX_BITS / 1e9}gbit`)
  return null
}

function resolveCuts(file: LabFile, stations: string[], report: Report): Topology["cuts"] {
  const cuts: Topology["cuts"] = []
  const seen = new Taken()
  for (const [at, { between, state }] of (file.underlay?.links ?? []).entries()) {
    const path = ["underlay", "links", at, "between"]
    const [a, b] = between
    between.forEach((name, end) => {
      if (!stations.includes(name)) report.wrong([...path, end], unknown(name, "node", stations))
    })
    if (a === b) report.wrong([...path, 1], `${b} twice: a link has two different ends`)
    const both = [a, b].sort().join(" ")
    if (seen.take(both, both) !== null) report.wrong([...path, 0], `the link of ${a} and ${b} is there twice`)
    if (state === "down") cuts.push([a, b])
  }
  return cuts
}

/** `no node swarm-3: did you mean swarm-03?` */
export function unknown(name: string, kind: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  if (meant) return `there is no ${kind} ${name}: did you mean ${meant}?`
  return `there is no ${kind} ${name}${known.length === 0 ? "" : `: there is ${known.join(", ")}`}`
}
