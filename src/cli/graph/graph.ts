/** The cluster as things and lines between them: what each way of drawing starts from. */
import type { EndpointView } from "../../model/endpoint.ts"
import type { NetworkView } from "../../model/network.ts"
import type { NodeView } from "../../model/node.ts"

export interface Graph {
  nodes: GraphNode[]
  networks: GraphNetwork[]
}

export interface GraphNode {
  name: string
  address: string
  /** `server`, `server (leader)`, `client`. */
  role: string
  state: NodeView["state"]
  workloads: GraphWorkload[]
}

export interface GraphWorkload {
  name: string
  interfaces: { network: string; address: string; state: EndpointView["state"] }[]
}

export interface GraphNetwork {
  name: string
  subnets: string[]
  vni: number
}

/** With `only`, that network, and what is on it. All in the order of names. */
export function graphOf(allNetworks: readonly NetworkView[], nodes: readonly NodeView[], only?: string): Graph {
  const networks = allNetworks.filter(({ name }) => only === undefined || name === only)
  const endpoints = allNetworks.flatMap((network) => network.endpoints)
  const shown = new Set(networks.map(({ name }) => name))
  return {
    nodes: nodes.map(drawn).filter(({ workloads }) => only === undefined || workloads.length > 0),
    networks: networks.map(({ name, subnets, vni }) => ({ name, subnets: subnets.map((each) => each.subnet), vni })),
  }

  function drawn(node: NodeView): GraphNode {
    return {
      name: node.name,
      address: node.address,
      role: node.leader ? "server (leader)" : node.role,
      state: node.state,
      workloads: workloadsOf(endpoints.filter((each) => each.node === node.name)).flatMap(({ name, interfaces }) => {
        const here = interfaces.filter(({ network }) => shown.has(network))
        return here.length === 0 ? [] : [{ name, interfaces: here }]
      }),
    }
  }
}

/** An endpoint is named `<workload>`, or `<workload>.<network>` where it is a further one of a workload. */
function workloadsOf(endpoints: readonly EndpointView[]): GraphWorkload[] {
  const names = new Set(endpoints.map(({ name }) => name))
  const workloads = new Map<string, GraphWorkload>()
  for (const { name, network, ip, ip6, state } of endpoints) {
    const first = name.endsWith(`.${network}`) ? name.slice(0, -network.length - 1) : name
    const workload = names.has(first) ? first : name
    const known = workloads.get(workload) ?? { name: workload, interfaces: [] }
    workloads.set(workload, known)
    const addresses = ip6 === null || ip6 === ip ? [ip] : [ip, ip6]
    known.interfaces.push({ network, address: addresses.map(withoutPrefix).join(" "), state })
  }
  return [...workloads.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function withoutPrefix(address: string): string {
  return address.split("/", 1)[0]!
}
