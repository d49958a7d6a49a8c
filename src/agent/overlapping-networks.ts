/**
 * One namespace has one table of routes: on two networks with overlapping subnets it sends to the first of them what is
 * meant for the second. Some want just that (a sniffer, an address of each on one host), so it is allowed, and told.
 */
import { parseSubnet, subnetsOverlap } from "../model/address.ts"
import type { Catalog } from "../model/catalog.ts"
import type { EndpointRecord } from "../model/endpoint.ts"
import type { NetworkRecord } from "../model/network.ts"
import type { Problem } from "../model/node.ts"

type Subnetted = Pick<NetworkRecord, "id" | "name" | "subnets">

/** Of this node's endpoints; a problem for each two networks of one namespace. */
export function overlapProblems(catalog: Pick<Catalog, "networks" | "endpointsOfNode">, nodeId: string): Problem[] {
  const own = catalog.endpointsOfNode(nodeId).filter((each) => each.netnsId !== null)
  const problems: Problem[] = []
  for (const together of Map.groupBy(own, ({ netnsId }) => netnsId).values()) {
    if (together.length > 1) problems.push(...problemsOf(together, catalog))
  }
  return problems
}

function problemsOf(together: readonly EndpointRecord[], catalog: Pick<Catalog, "networks">): Problem[] {
  const networks = new Map(together.map((each) => [each.networkId, catalog.networks.get(each.networkId)]))
  const known = [...networks.values()].filter((network) => network !== undefined)
  return known.flatMap((one, at) =>
    known.slice(at + 1).flatMap((two) => {
      const which = overlap(one, two)
      return which === null ? [] : [problem(together[0]!.workload, one, two, which)]
    }),
  )
}

function problem(workload: string, one: Subnetted, two: Subnetted, which: string): Problem {
  return {
    code: "networks_overlap",
    message: `workload ${workload} is on ${one.name} and ${two.name}, whose subnets overlap (${which}): what it sends there goes to one of them only`,
    hint: "use a workload for each, or a network with a subnet of its own: `ovl network create` chooses one",
    level: "warning",
  }
}

function overlap(one: Subnetted, two: Subnetted): string | null {
  for (const { subnet: first } of one.subnets) {
    const second = two.subnets.find(({ subnet }) => subnetsOverlap(parseSubnet(first), parseSubnet(subnet)))
    if (second) return first === second.subnet ? `both are ${first}` : `${first} and ${second.subnet}`
  }
  return null
}
