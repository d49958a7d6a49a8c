/** The graph in the DOT language of Graphviz: nodes are clusters around their workloads, networks are ellipses. */
import type { Graph } from "./graph.ts"

export function dotGraph({ nodes, networks }: Graph): string {
  const lines = ["graph ovl {", "  rankdir=LR;", "  node [shape=box];"]
  const idOf = new Map(networks.map(({ name }, at) => [name, `net${at}`]))
  for (const { name, subnets, vni } of networks)
    lines.push(`  ${idOf.get(name)} [shape=ellipse, label=${text([name, ...subnets, `VNI ${vni}`])}];`)
  const edges: string[] = []
  for (const [at, { name, address, role, state, workloads }] of nodes.entries()) {
    const title = text([name, `${address} ${role}`, ...(state === "alive" ? [] : [state])])
    lines.push(`  subgraph cluster_${at} {`, `    label=${title};`)
    // A cluster without anything in it is not drawn.
    if (workloads.length === 0) lines.push(`    node${at} [style=invis, label=""];`)
    for (const [place, workload] of workloads.entries()) {
      const id = `node${at}w${place}`
      lines.push(`    ${id} [label=${text([workload.name])}];`)
      for (const { network, address: own, state: up } of workload.interfaces)
        edges.push(`  ${id} -- ${idOf.get(network)} [label=${text(up === "up" ? [own] : [own, up])}];`)
    }
    lines.push("  }")
  }
  return `${[...lines, ...edges, "}"].join("\n")}\n`
}

/** A quoted string of several lines. */
function text(lines: readonly string[]): string {
  return `"${lines.map((line) => line.replace(/["\\]/g, "\\$&")).join("\\n")}"`
}
