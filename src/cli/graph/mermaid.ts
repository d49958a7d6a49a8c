/** The graph in the words of Mermaid's flowcharts: nodes are boxes around their workloads, networks are round. */
import type { Graph } from "./graph.ts"

export function mermaidGraph({ nodes, networks }: Graph): string {
  const lines = ["flowchart LR"]
  const idOf = new Map(networks.map(({ name }, at) => [name, `net${at}`]))
  for (const { name, subnets, vni } of networks)
    lines.push(`  ${idOf.get(name)}(["${quoted(name)}<br/>${subnets.map(quoted).join("<br/>")}<br/>VNI ${vni}"])`)
  const edges: string[] = []
  for (const [at, { name, address, role, state, workloads }] of nodes.entries()) {
    const title = `${name} ${address} ${role}${state === "alive" ? "" : ` ${state}`}`
    // An empty box is an error to some of Mermaid's versions: a node alone stands for itself.
    if (workloads.length === 0) {
      lines.push(`  node${at}["${quoted(title)}"]`)
      continue
    }
    lines.push(`  subgraph node${at}["${quoted(title)}"]`)
    for (const [place, workload] of workloads.entries()) {
      const id = `node${at}w${place}`
      lines.push(`    ${id}["${quoted(workload.name)}"]`)
      for (const { network, address: at4, state: up } of workload.interfaces) {
        const label = up === "up" ? at4 : `${at4} ${up}`
        edges.push(`  ${id} ---|"${quoted(label)}"| ${idOf.get(network)}`)
      }
    }
    lines.push("  end")
  }
  return `${[...lines, ...edges].join("\n")}\n`
}

/** Mermaid's own way to write what would end a text. */
function quoted(text: string): string {
  return text.replaceAll("#", "#35;").replaceAll('"', "#quot;")
}
