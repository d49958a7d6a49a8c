/** What the kernel holds, against what the API says it should: the workloads' interfaces, and each node's rows. */
import { VXLAN_OVERHEAD_V4_BYTES, VXLAN_PORT } from "../../base/limits.ts"
import { formatCidr, parseInterfaceAddress, subnetOf } from "../../model/cidr.ts"
import { BRIDGE_NAME, FLOOD_MAC, VXLAN_NAME } from "../../model/dataplane.ts"
import { addressesOf, type EndpointView } from "../../model/endpoint.ts"
import { macOfIpv4 } from "../../model/mac.ts"
import type { NetworkView } from "../../model/network.ts"
import { type Address, addr, fdb, type Link, link, NetlinkSocket, neigh, route } from "../../netlink/index.ts"
import { bare } from "../topology.ts"
import { HOST_LINK } from "../underlay/wanted.ts"
import type { Check, Findings } from "./check.ts"
import type { Scene, SceneHost, SceneWorkload } from "./scene.ts"

/** RT_TABLE_MAIN, include/uapi/linux/rtnetlink.h. */
const MAIN_TABLE = 254
const OVERLAY_MAC_PREFIX = "02:42:"

export function kernelChecks(scene: Scene): Check[] {
  return [
    ...scene.workloads.map((workload) => ({
      name: `${workload.name}: interfaces and routes`,
      look: (findings: Findings) => interfaces(scene, workload, findings),
    })),
    ...scene.hosts.flatMap((host) =>
      scene.topology.networks.map(({ name }) => ({
        name: `${host.name}: rows of ${name}`,
        look: (findings: Findings) => rows(host, name, findings),
      })),
    ),
  ]
}

function interfaces(scene: Scene, workload: SceneWorkload, findings: Findings): void {
  const { endpoints, egress, host } = workload
  const wanted = endpoints.map(({ network, endpoint }) => {
    return { name: endpoint.ifname, address: endpoint.ip, mac: macOf(endpoint), mtu: overlayMtu(scene, network) }
  })
  if (egress) {
    const mac = macOfIpv4(parseInterfaceAddress(egress.ip).address)
    wanted.push({ name: egress.ifname, address: egress.ip, mac, mtu: underlayMtu(host) })
  }
  using socket = NetlinkSocket.open({ namespace: workload.netns })
  const links = link.list(socket).filter((each) => each.name !== "lo")
  const addresses = addr.list(socket, { family: 4 })
  const actual = links.map((each) => {
    const own = addresses.filter((address) => address.index === each.index).map(addressText)
    return interfaceText(each.name, each.mac ?? "no MAC", each.mtu, own, each.up)
  })
  const expected = wanted.map(({ name, address, mac, mtu }) =>
    interfaceText(name, mac, mtu, isIpv4(address) ? [address] : [], true),
  )
  findings.expectRows("interfaces", actual, expected)
  findings.expectRows("routes", routesOf(socket, links), expectedRoutes(workload))
}

/** 02:42 and the address; another one only where there is no IPv4 address, or where one was asked for. */
function macOf({ ip, mac }: EndpointView): string {
  const derived = isIpv4(ip) ? macOfIpv4(parseInterfaceAddress(ip).address) : mac
  return mac.startsWith(OVERLAY_MAC_PREFIX) ? derived : mac
}

function isIpv4(address: string): boolean {
  return !address.includes(":")
}

/** What was asked for, or what every node's underlay carries less the outer headers. */
function overlayMtu({ hosts, topology }: Scene, { name }: NetworkView): number {
  const asked = topology.networks.find((each) => each.name === name)?.mtu
  return asked ?? Math.min(...hosts.map(underlayMtu)) - VXLAN_OVERHEAD_V4_BYTES
}

function underlayMtu(host: SceneHost): number {
  using socket = NetlinkSocket.open({ namespace: host.netns })
  return link.get(socket, HOST_LINK)?.mtu ?? 0
}

function addressText({ address, prefixLength }: Address): string {
  return `${address}/${prefixLength}`
}

function interfaceText(name: string, mac: string, mtu: number, addresses: string[], up: boolean): string {
  return `${name} ${mac} mtu ${mtu} ${addresses.join(" ") || "no address"} ${up ? "up" : "down"}`
}

function routesOf(socket: NetlinkSocket, links: Link[]): string[] {
  const names = new Map(links.map((each) => [each.index, each.name]))
  return route
    .list(socket, { table: MAIN_TABLE, family: 4 })
    .map((each) => routeText(each.dst, each.via, names.get(each.index ?? 0) ?? "lo"))
}

function expectedRoutes({ endpoints, egress }: SceneWorkload): string[] {
  const own = endpoints.flatMap(({ network, endpoint }) =>
    network.subnets
      .filter(({ subnet }) => isIpv4(subnet))
      .map(({ subnet }) => routeText(subnet, null, endpoint.ifname)),
  )
  if (!egress) return own
  const subnet = formatCidr(subnetOf(parseInterfaceAddress(egress.ip)))
  return [...own, routeText(subnet, null, egress.ifname), routeText("default", egress.gateway, egress.ifname)]
}

function routeText(dst: string, via: string | null, device: string): string {
  return `${dst}${via === null ? "" : ` via ${via}`} dev ${device}`
}

function rows(host: SceneHost, name: string, findings: Findings): void {
  const network = host.networks.find((each) => each.name === name)
  if (!network) return findings.wrong(`the node does not know network ${name}`)
  const endpoints = host.endpoints.filter((each) => each.network === name)
  const local = endpoints.filter((each) => each.node === host.name)
  if (local.length === 0)
    return findings.expect(network.local === null, "no endpoint here, no namespace", `${network.local?.netns} is there`)
  if (!network.local) return findings.wrong(`${local.length} endpoints here, and no namespace`)
  const netns = `/run/netns/1-${network.id.slice(0, 10)}`
  findings.expect(network.local.netns === netns, netns, `the namespace is ${network.local.netns}, not ${netns}`)
  using socket = NetlinkSocket.open({ namespace: host.inside(network.local.netns) })
  devices(socket, host, network, local.length, findings)
  const vxlan = link.indexOf(socket, VXLAN_NAME)
  if (vxlan === null) return
  const remote = endpoints.filter((each) => each.node !== host.name)
  const flood = network.multicast ? [...new Set(remote.map((each) => each.vtep))] : []
  findings.expectRows(
    "FDB",
    fdb
      .list(socket, { index: vxlan })
      .filter((row) => row.on === "self")
      .map((row) => `${row.mac} dst ${row.dst} ${row.state}`),
    [
      ...remote.map((each) => `${each.mac} dst ${each.vtep} permanent`),
      ...flood.map((vtep) => `${FLOOD_MAC} dst ${vtep} permanent`),
    ],
  )
  findings.expectRows(
    "neighbours",
    neigh
      .list(socket, { index: vxlan })
      .filter((row) => row.state !== "noarp")
      .map((row) => `${row.ip} lladdr ${row.mac} ${row.state}`),
    // On a network of IPv6 alone both addresses of an endpoint are the same.
    remote.flatMap((each) => [...new Set(addressesOf(each))].map((ip) => `${bare(ip)} lladdr ${each.mac} permanent`)),
  )
  const learned = fdb.list(socket).filter((row) => row.state === "dynamic").length
  findings.expect(learned === 0, "0 rows learned", `${learned} rows were learned`)
}

/** br0 with the gateway's address, vxlan1, and a vethN for each local endpoint. */
function devices(
  socket: NetlinkSocket,
  host: SceneHost,
  network: NetworkView,
  endpoints: number,
  findings: Findings,
): void {
  const links = link.list(socket).filter((each) => each.name !== "lo")
  const bridge = links.find((each) => each.name === BRIDGE_NAME)
  const gateways = bridge ? addr.list(socket, { index: bridge.index, family: 4 }).map(addressText) : []
  const own = network.subnets.filter(({ subnet }) => isIpv4(subnet))
  const wanted = own.map(({ subnet, gateway }) => `${gateway}/${subnet.split("/")[1]}`)
  findings.expectRows(BRIDGE_NAME, gateways, wanted)
  const vxlan = links.find((each) => each.name === VXLAN_NAME)?.vxlan
  const text = vxlan
    ? [
        `id ${vxlan.vni} local ${vxlan.local} dstport ${vxlan.port}`,
        vxlan.learning ? "learning" : "nolearning",
        vxlan.proxy ? "proxy" : "noproxy",
      ].join(" ")
    : "missing"
  const expected = `id ${network.vni} local ${host.vtep} dstport ${VXLAN_PORT} nolearning ${network.multicast ? "noproxy" : "proxy"}`
  findings.expect(text === expected, `${VXLAN_NAME} ${text}`, `${VXLAN_NAME} is ${text}, not ${expected}`)
  const ports = links.filter((each) => /^veth\d+$/.test(each.name) && each.master === bridge?.index)
  findings.expect(
    ports.length === endpoints && links.length === endpoints + 2,
    `${ports.map((each) => each.name).join(", ")} on ${BRIDGE_NAME}`,
    `${endpoints} endpoints, but ${links.map((each) => each.name).join(", ")}`,
  )
}
