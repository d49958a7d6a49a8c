/**
 * What the daemons of a lab will make in their kernels, foretold without any of them: the file becomes a catalog such as
 * the cluster would have, and the very functions by which a daemon decides turn that into operations. Ids, and what is
 * derived from them (hidden MACs and names), are made up here, and will be others.
 */
import { VNI_FIRST } from "../base/limits.ts"
import { changeText } from "../kernel/firewall/change.ts"
import { wantedTables } from "../kernel/firewall/rules.ts"
import { type Family, familyOf, holds, parseIp, parseSubnet } from "../model/address.ts"
import { Catalog } from "../model/catalog.ts"
import { formatCidr, formatIpv4, parseCidr, parseIpv4 } from "../model/cidr.ts"
import { type HostFacts, NETNS_DIRECTORY } from "../model/dataplane.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import {
  addressPools,
  allocate,
  cursorOf,
  type NetworkCursor,
  NEW_CURSOR,
  poolFor,
  poolWithRoom,
  reserve,
  withCursor,
} from "../model/ipam.ts"
import { macOfIpv4, macOfIpv6 } from "../model/mac.ts"
import { DEFAULT_TENANT, endpointName } from "../model/names.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"
import { renderOperation } from "../model/operation.ts"
import { parsePortMapping } from "../model/port-mapping.ts"
import { askedSubnets, nextDefaultSubnet } from "../model/subnet.ts"
import { desiredEgress, desiredFirewall, desiredNetwork, localNetworkIds, publishedPorts } from "../overlay/desired.ts"
import { nextEgressAddress } from "../overlay/egress.ts"
import { planEgress, planNetwork } from "../overlay/plan.ts"
import { bare, type LabHost, type Topology } from "./topology.ts"
import { HOST_LINK } from "./underlay/wanted.ts"

const EGRESS_BRIDGE_ADDRESS = "172.18.0.1/16"
const CREATED = "1970-01-01T00:00:00Z"

/** Lines by host, in the order in which its daemon would carry them out: rules first, then links. */
export function forecast(topology: Topology): Map<string, string[]> {
  const catalog = catalogOf(topology)
  return new Map(topology.hosts.map((host) => [host.name, linesOf(topology, catalog, host)]))
}

function idOf(kind: string, name: string): string {
  return new Bun.CryptoHasher("sha256").update(`${kind} ${name}`).digest("hex")
}

function catalogOf(topology: Topology): Catalog {
  const catalog = new Catalog()
  const nodes = topology.hosts.map((host) => nodeRecord(topology, host))
  const networks = networkRecords(topology)
  const endpoints = endpointRecords(topology, networks)
  catalog.apply({
    revision: 1,
    snapshot: true,
    changes: [
      ...nodes.map((value) => ({ type: "node" as const, id: value.id, value })),
      ...networks.map((value) => ({ type: "network" as const, id: value.id, value })),
      ...endpoints.map((value) => ({ type: "endpoint" as const, id: value.id, value })),
    ],
  })
  return catalog
}

function nodeRecord(topology: Topology, { name, address, role, mtu }: LabHost): NodeRecord {
  return {
    id: idOf("node", `${topology.name} ${name}`),
    name,
    address: bare(address),
    peerAddress: null,
    role,
    voter: role === "server",
    state: "member",
    version: "",
    underlayMtu: mtu,
    bootId: "",
    joined: CREATED,
  }
}

/** VNIs and subnets as the cluster gives them, in the file's order. */
function networkRecords(topology: Topology): NetworkRecord[] {
  const vnis = new Set(topology.networks.map((spec) => spec.vni))
  const asked = topology.networks.flatMap((spec) => askedSubnets(spec)?.subnets ?? [])
  const used = asked.filter(({ subnet }) => !subnet.includes(":")).map(({ subnet }) => parseCidr(subnet))
  const underlay = topology.hosts.map(({ address }) => parseIpv4(bare(address))!)
  let vni = VNI_FIRST
  let last: number | null = null
  return topology.networks.map((spec): NetworkRecord => {
    while (vnis.has(vni)) vni++
    let chosen = askedSubnets(spec)
    if (chosen === null) {
      const { subnet, number } = nextDefaultSubnet(last, used, underlay)
      last = number
      chosen = { subnets: [{ subnet: formatCidr(subnet), gateway: formatIpv4(subnet.address + 1) }], ipRange: null }
    }
    return {
      id: idOf("network", `${topology.name} ${spec.name}`),
      name: spec.name,
      tenant: DEFAULT_TENANT,
      vni: spec.vni ?? vni++,
      ...chosen,
      mtu: spec.mtu ?? 0,
      internal: spec.internal ?? false,
      secure: false,
      multicast: spec.multicast ?? false,
      allowSpoof: spec.allowSpoof ?? false,
      labels: spec.labels ?? {},
      created: CREATED,
    }
  })
}

function endpointRecords(topology: Topology, networks: NetworkRecord[]): EndpointRecord[] {
  const addresses = new Addresses(topology, networks)
  const egressLast = new Map<string, string>()
  return topology.workloads.flatMap((workload) => {
    const own = workload.networks.map((name) => networks.find((network) => network.name === name)!)
    const exit = own.findIndex((network) => !network.internal)
    return own.map((network, at): EndpointRecord => {
      const id = idOf("endpoint", `${topology.name} ${workload.name} ${network.name}`)
      const asked = at === 0 ? [workload.address, workload.address6] : []
      const [ip, ip6] = addresses.choose(network, asked)
      const isExit = at === exit
      const egressIp = isExit ? nextEgressOf(egressLast, workload.host) : null
      return {
        id,
        networkId: network.id,
        nodeId: idOf("node", `${topology.name} ${workload.host}`),
        workload: workload.name,
        name: endpointName(workload.name, network.name, at === 0),
        ip: `${ip}/${prefixOf(network, ip)}`,
        ip6: ip6 === undefined ? null : `${ip6}/${prefixOf(network, ip6)}`,
        mac: at === 0 && workload.mac !== null ? workload.mac : macOf(ip),
        ifname: `eth${at}`,
        netns: `${NETNS_DIRECTORY}/ovl-${workload.name}`,
        netnsId: null,
        origin: "run",
        egress:
          egressIp === null ? null : { ifname: `eth${own.length}`, ip: egressIp, gateway: bare(EGRESS_BRIDGE_ADDRESS) },
        ports: isExit ? workload.publish.map(parsePortMapping) : [],
        state: "up",
        created: CREATED,
      }
    })
  })
}

function nextEgressOf(last: Map<string, string>, host: string): string {
  const address = nextEgressAddress(EGRESS_BRIDGE_ADDRESS, last.get(host) ?? null, new Set())
  last.set(host, address)
  return address
}

function prefixOf({ subnets }: NetworkRecord, ip: string): number {
  const own = subnets.map(({ subnet }) => parseSubnet(subnet)).find((subnet) => holds(subnet, parseIp(ip)!))
  return own?.prefix ?? 0
}

function macOf(ip: string): string {
  const ipv4 = parseIpv4(ip)
  return ipv4 === null ? macOfIpv6(ip) : macOfIpv4(ipv4)
}

/** For networks where the file chose none: further ones of a workload, and those whose subnet the cluster chooses. */
class Addresses {
  readonly #kept = new Map<string, { cursor: NetworkCursor; taken: Set<string> }>()

  constructor(topology: Topology, networks: readonly NetworkRecord[]) {
    for (const network of networks) {
      const workloads = topology.workloads.filter((each) => each.networks[0] === network.name)
      const given = workloads.flatMap(({ address, address6 }) => [address, address6]).filter((each) => each !== null)
      const pools = addressPools(network)
      const cursor = given.reduce<NetworkCursor>((before, address) => {
        const pool = poolFor(pools, address)
        return pool ? withCursor(before, pool, reserve(pool, cursorOf(before, pool), address)) : before
      }, NEW_CURSOR)
      this.#kept.set(network.id, { cursor, taken: new Set(given) })
    }
  }

  /** One of each family that the network has: what was asked for, or the next one. */
  choose(network: NetworkRecord, asked: readonly (string | null)[]): [string, string?] {
    const families = new Set(network.subnets.map(({ subnet }) => familyOf(subnet)))
    const [first, second] = [...families].map((family) => {
      return asked.find((address) => address !== null && familyOf(address) === family) ?? this.#next(network, family)
    })
    return [first!, second]
  }

  #next(network: NetworkRecord, family: Family): string {
    const kept = this.#kept.get(network.id)!
    const ofFamily = addressPools(network).filter(({ subnet }) => subnet.family === family)
    const pool = poolWithRoom(ofFamily, kept.cursor)
    const found = allocate(pool, cursorOf(kept.cursor, pool), (address) => kept.taken.has(address))
    kept.cursor = withCursor(kept.cursor, pool, found.cursor)
    kept.taken.add(found.address)
    return found.address
  }
}

function linesOf(topology: Topology, catalog: Catalog, host: LabHost): string[] {
  const view = { nodeId: idOf("node", `${topology.name} ${host.name}`) }
  const facts = factsOf(topology, host)
  const egress = desiredEgress(catalog, view, EGRESS_BRIDGE_ADDRESS, facts)
  const ids = [...localNetworkIds(catalog, view)]
  const firewall = desiredFirewall(catalog, ids.length > 0, egress, facts, publishedPorts(catalog, view.nodeId))
  const workloads = topology.workloads.filter((workload) => workload.host === host.name)
  return [
    ...iptablesLines(changeText(wantedTables(firewall, 4, false), new Map())),
    ...workloads.flatMap(({ name }) => [`ip netns add ovl-${name}`, `ip -n ovl-${name} link set lo up`]),
    ...ids.flatMap((id) => planNetwork(desiredNetwork(catalog, view, id), null)).map(renderOperation),
    ...planEgress(egress, null, facts).map(renderOperation),
  ]
}

function factsOf(topology: Topology, { address, mtu }: LabHost): HostFacts {
  const via = bare(topology.outside.underlay)
  return {
    links: [{ name: HOST_LINK, mtu, up: true }],
    addresses: [{ device: HOST_LINK, address }],
    routes: [{ dst: "default", via, device: HOST_LINK }],
    forwarding: false,
    forwardingDevices: [],
    switchedDevices: [],
  }
}

/** What `iptables-restore` would be given, as `iptables` lines. */
function iptablesLines(text: string): string[] {
  let table = "filter"
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("*")) table = line.slice(1)
    else if (line.startsWith(":")) return [`iptables -t ${table} -N ${line.slice(1).split(" ")[0]}`]
    else if (line.startsWith("-")) return [`iptables -t ${table} ${line}`]
    return []
  })
}
