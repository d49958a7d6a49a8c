/**
 * The workloads of a lab's file: on which node and networks, under which address. Who asks for none gets one here and
 * not from the cluster, so that a lab has the same addresses each time it is made.
 */
import {
  firstHostIp,
  formatIp,
  formatSubnet,
  holds,
  holdsSubnet,
  type Ip,
  lastHostIp,
  parseIp,
  parseSubnet,
  type Subnet,
  subnetsOverlap,
  whyNoHost,
} from "../../model/address.ts"
import { parseMac } from "../../model/mac.ts"
import { foldName } from "../../model/names.ts"
import type { NetworkSpec } from "../../model/network.ts"
import { mappingsOverlap, parsePortMapping, type PortMapping } from "../../model/port-mapping.ts"
import { askedSubnets } from "../../model/subnet.ts"
import type { LabHost, LabWorkload, Topology } from "../topology.ts"
import { type Report, Taken } from "./report.ts"
import { unknown } from "./resolve-nodes.ts"
import type { LabFile } from "./schema.ts"
import type { Path } from "./source.ts"

type WorkloadEntry = NonNullable<LabFile["workloads"]>[string]

/** A network as far as addresses are concerned. */
interface Room {
  spec: NetworkSpec
  subnets: { subnet: Subnet; gateway: string }[]
  /** What addresses are given from in turn where none is asked for; none where the cluster chooses the subnet. */
  pools: Subnet[]
  taken: Taken
  /** What is wrong with it has been told, where the networks were looked at. */
  isWrong: boolean
}

export function resolveWorkloads(
  file: LabFile,
  hosts: readonly LabHost[],
  networks: readonly NetworkSpec[],
  report: Report,
  names: Taken,
  before: Topology | null,
): LabWorkload[] {
  const rooms = new Map(networks.map((spec) => [spec.name, roomOf(spec)]))
  const workloads = Object.entries(file.workloads ?? {}).map(([name, entry]) => {
    return resolveWorkload(name, entry, hosts, rooms, report, names)
  })
  const published: { host: string; owner: string; mapping: PortMapping }[] = []
  for (const workload of workloads) checkPorts(workload, networks, published, report)
  // Those that ask for an address come first, whatever the order in the file, then those that have one.
  for (const workload of workloads) keepAddress(workload, rooms.get(workload.networks[0] ?? ""), before)
  for (const workload of workloads) giveAddress(workload, rooms.get(workload.networks[0] ?? ""), report)
  return workloads
}

function roomOf(spec: NetworkSpec): Room {
  const taken = new Taken()
  try {
    const asked = askedSubnets(spec)
    const subnets = (asked?.subnets ?? []).map(({ subnet, gateway }) => ({ subnet: parseSubnet(subnet), gateway }))
    for (const { gateway } of subnets) taken.take(gateway, "the gateway")
    const range = asked?.ipRange ? parseSubnet(asked.ipRange) : null
    const pools = subnets
      .map(({ subnet }) => (range !== null && holdsSubnet(subnet, range) ? range : subnet))
      .filter(({ family }) => family === subnets[0]?.subnet.family)
    return { spec, subnets, pools, taken, isWrong: false }
  } catch {
    return { spec, subnets: [], pools: [], taken, isWrong: true }
  }
}

function resolveWorkload(
  name: string,
  entry: WorkloadEntry,
  hosts: readonly LabHost[],
  rooms: ReadonlyMap<string, Room>,
  report: Report,
  names: Taken,
): LabWorkload {
  const path = ["workloads", name]
  const other = names.take(name, `workload ${name}`)
  if (other !== null) report.wrongName(path, `${name} is what ${other} is called`)
  const nodes = hosts.map((host) => host.name)
  if (!nodes.includes(entry.node)) report.wrong([...path, "node"], unknown(entry.node, "node", nodes))
  const networks = networksOf(path, entry, rooms, report)
  const room = rooms.get(networks[0] ?? "")
  return {
    name,
    host: entry.node,
    networks,
    address: addressOf([...path, "ip"], entry.ip, room, name, report),
    address6: addressOf([...path, "ip6"], entry.ip6, room, name, report),
    mac: entry.mac === undefined ? null : report.judged([...path, "mac"], () => parseMac(entry.mac!)),
    hostname: entry.hostname ?? null,
    command: commandOf([...path, "command"], entry.command, report),
    env: Object.keys(entry.env ?? {}).map((key) => `${key}=${report.text([...path, "env", key])}`),
    publish: entry.ports ?? [],
  }
}

function networksOf(path: Path, entry: WorkloadEntry, rooms: ReadonlyMap<string, Room>, report: Report): string[] {
  if (entry.network !== undefined && entry.networks !== undefined)
    report.wrong([...path, "networks"], "say either network or networks, not both")
  const isList = entry.network === undefined
  const networks = isList ? (entry.networks ?? []) : [entry.network!]
  if (networks.length === 0) report.wrongName(path, "network is missing")
  const seen = new Set<string>()
  networks.forEach((network, at) => {
    const place = isList ? [...path, "networks", at] : [...path, "network"]
    if (!rooms.has(network)) report.wrong(place, unknown(network, "network", [...rooms.keys()]))
    if (seen.has(foldName(network))) report.wrong(place, `network ${network} is named twice`)
    seen.add(foldName(network))
    const clash = networks.slice(0, at).find((each) => roomsOverlap(rooms.get(each), rooms.get(network)))
    if (clash && clash !== network)
      report.wrong(place, `its subnet overlaps that of ${clash}: one workload cannot be on both`)
  })
  return networks
}

function roomsOverlap(a: Room | undefined, b: Room | undefined): boolean {
  return (a?.subnets ?? []).some((one) => (b?.subnets ?? []).some((two) => subnetsOverlap(one.subnet, two.subnet)))
}

function addressOf(
  path: Path,
  text: string | undefined,
  room: Room | undefined,
  owner: string,
  report: Report,
): string | null {
  if (text === undefined || !room) return null
  const ip = parseIp(text)
  const why = ip === null ? "it is no address: write it without a prefix length" : whyNot(ip, room)
  if (ip === null || why !== null) {
    report.wrong(path, `${text}: ${why}`)
    return null
  }
  const address = formatIp(ip)
  const other = room.taken.take(address, owner)
  if (other === null) return address
  report.wrong(path, `${text} is the address of ${other} on ${room.spec.name}`)
  return null
}

function whyNot(ip: Ip, room: Room): string | null {
  if (room.isWrong) return null
  if (room.subnets.length === 0) return `network ${room.spec.name} has no subnet in this file to hold it`
  const ofFamily = room.subnets.map(({ subnet }) => subnet).filter(({ family }) => family === ip.family)
  const own = ofFamily.find((subnet) => holds(subnet, ip))
  if (own) return whyNoHost(own, ip)
  if (ofFamily.length > 0)
    return `outside the ${ofFamily.length > 1 ? "subnets" : "subnet"} ${ofFamily.map(formatSubnet).join(", ")}`
  return `network ${room.spec.name} has ${room.subnets.map(({ subnet }) => formatSubnet(subnet)).join(", ")}`
}

/** One that is no longer in the pool, or that another one asks for, is given up. */
function keepAddress(workload: LabWorkload, room: Room | undefined, before: Topology | null): void {
  const known = before?.workloads.find(({ name, networks }) => {
    return name === workload.name && networks[0] === workload.networks[0]
  })
  const ip = parseIp(known?.address ?? "")
  if (workload.address !== null || !room || !ip) return
  if (!room.pools.some((pool) => whyNoHost(pool, ip) === null)) return
  if (room.taken.take(formatIp(ip), workload.name) === null) workload.address = formatIp(ip)
}

/** An IPv6 pool is given from in the same order: the cluster would, too. */
function giveAddress(workload: LabWorkload, room: Room | undefined, report: Report): void {
  if (workload.address !== null || !room || room.pools.length === 0) return
  for (const pool of room.pools) {
    for (let value = firstHostIp(pool); value <= lastHostIp(pool); value++) {
      const address = formatIp({ family: pool.family, value })
      if (room.taken.has(address)) continue
      room.taken.take(address, workload.name)
      workload.address = address
      return
    }
  }
  report.wrongName(["workloads", workload.name], `network ${room.spec.name} has no address left for it`)
}

/** One line is for a shell, as docker has it; a list is the words themselves, as they were written. */
function commandOf(path: Path, command: WorkloadEntry["command"], report: Report): string[] {
  if (command === undefined) return []
  if (typeof command === "string") return ["sh", "-c", command]
  return command.map((_, at) => report.text([...path, at]))
}

function checkPorts(
  workload: LabWorkload,
  networks: readonly NetworkSpec[],
  published: { host: string; owner: string; mapping: PortMapping }[],
  report: Report,
): void {
  const path = ["workloads", workload.name, "ports"]
  const own = networks.filter((network) => workload.networks.includes(network.name))
  if (workload.publish.length > 0 && own.length > 0 && own.every((network) => network.internal))
    report.wrong(path, "it is only on internal networks, which have no way to the outside")
  workload.publish.forEach((text, at) => {
    const mapping = report.judged([...path, at], () => parsePortMapping(text))
    if (mapping === null) return
    const other = published.find((each) => each.host === workload.host && mappingsOverlap(each.mapping, mapping))
    if (other) report.wrong([...path, at], `${text}: that port of ${workload.host} is published by ${other.owner}`)
    published.push({ host: workload.host, owner: workload.name, mapping })
  })
}
