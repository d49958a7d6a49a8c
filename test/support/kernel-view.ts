/** What `ip`, `bridge` and `iptables-save` of a test node say of the kernel, in few words: for expectations that read as text. */
import type { TestNode } from "./cluster.ts"

interface Neighbour {
  dst?: string
  lladdr?: string
  mac?: string
  dev?: string
  ifname?: string
  state?: string[] | string
  flags?: string[]
  vlan?: number
}

/** Runs a program in a namespace that `ip netns` of the node knows. */
export function inNetns(node: TestNode, netns: string, command: string): string {
  return node.machine.run(`ip netns exec ${netns} ${command}`)
}

/** `MAC dev DEV dst VTEP self permanent` for every row of the namespace that a person or program wrote, sorted. */
export function fdbRows(node: TestNode, netns: string, device = "vxlan1"): string[] {
  const rows = JSON.parse(node.machine.run(`ip netns exec ${netns} bridge -j fdb show dev ${device}`)) as Neighbour[]
  return rows
    .map((row) => words([row.mac, row.vlan && `vlan ${row.vlan}`, row.dst, row.flags?.join(), row.state]))
    .sort()
}

/** `ADDRESS MAC STATE` for every neighbour of the device, sorted. */
export function neighbourRows(node: TestNode, netns: string, device = "vxlan1"): string[] {
  const rows = JSON.parse(node.machine.run(`ip -j -n ${netns} neigh show dev ${device}`)) as Neighbour[]
  return rows.map((row) => words([row.dst, row.lladdr, row.state])).sort()
}

export interface LinkView {
  ifname: string
  mtu: number
  address: string
  master?: string
  operstate: string
  flags: string[]
  linkinfo?: {
    info_kind: string
    info_data?: Record<string, unknown>
    info_slave_data?: Record<string, unknown>
  }
}

/** `ip -d link` of a namespace, or of the node itself. */
export function links(node: TestNode, netns: string | null): LinkView[] {
  return node.machine.json<LinkView[]>(`ip -j -d ${netns === null ? "" : `-n ${netns}`} link`)
}

/** `DEV ADDRESS` of every IPv4 address of a namespace. */
export function addresses(node: TestNode, netns: string | null): string[] {
  const found = node.machine.json<{ ifname: string; addr_info: { local: string; prefixlen: number }[] }[]>(
    `ip -j -4 ${netns === null ? "" : `-n ${netns}`} addr`,
  )
  return found
    .filter((link) => link.ifname !== "lo")
    .flatMap((link) => link.addr_info.map((each) => `${link.ifname} ${each.local}/${each.prefixlen}`))
    .sort()
}

/** The node's hidden namespaces. */
export function hiddenNamespaces(node: TestNode): string[] {
  const names = node.machine.run("ip netns ls").split("\n")
  return names.map((line) => line.split(" ")[0] ?? "").filter((name) => name.startsWith("1-"))
}

/** What the kernel of a node holds for ovl, without indices and counters. */
export function kernelText(node: TestNode): string {
  const { machine } = node
  const namespaces = machine
    .run("ip netns ls")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter(Boolean)
    .sort()
  const inside = namespaces
    .filter((name) => name !== "guest")
    .map((name) => [name, shape(node, name), addresses(node, name), machine.run(`ip -n ${name} route`)])
  const rows = hiddenNamespaces(node)
    .sort()
    .map((name) => [name, remoteRows(node, name), neighbourRows(node, name)])
  const rules = JSON.parse(rulesOf(node)) as string[]
  return JSON.stringify([shape(node, null), addresses(node, null), inside, rows, rules], null, 1)
}

/** The rules as JSON, one line each, without counters. */
export function rulesOf(node: TestNode): string {
  return JSON.stringify(node.machine.sh("iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'").split("\n"))
}

/** Names of ports are the program's choice, and so not compared. */
function shape(node: TestNode, netns: string | null): string[] {
  return links(node, netns)
    .map(
      (link) => `${link.linkinfo?.info_kind} ${link.address} ${link.mtu} ${link.master} ${flags(link)} ${port(link)}`,
    )
    .sort()
}

/** Whether there is a carrier is noticed a moment later. */
function flags(link: ReturnType<typeof links>[number]): string {
  return link.flags.filter((flag) => flag !== "LOWER_UP" && flag !== "NO-CARRIER").join()
}

function port(link: ReturnType<typeof links>[number]): string {
  const { isolated, learning, hairpin } = link.linkinfo?.info_slave_data ?? {}
  return `${isolated} ${learning} ${hairpin}`
}

/** Rows to other nodes, in one hidden namespace. */
export function remoteRows(node: TestNode, netns: string): string[] {
  return fdbRows(node, netns).filter((row) => row.includes("192.168."))
}

function words(parts: (string | string[] | number | undefined | 0)[]): string {
  return parts
    .flat()
    .filter((part) => part !== undefined && part !== 0 && part !== "")
    .join(" ")
}
