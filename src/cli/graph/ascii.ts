/** The graph as a tree in plain ASCII: network, node, workload. A line is cut where the terminal ends. */
import { cut } from "../render/text.ts"
import type { Graph, GraphNode } from "./graph.ts"

const GAP = "  "

export function asciiGraph({ networks, nodes }: Graph, columns: number): string {
  const trees = networks.map(({ name, subnets, vni }) => [
    [name, ...subnets, `VNI ${vni}`].join(GAP),
    ...branches(nodesOn(nodes, name)),
  ])
  const idle = nodes.filter(({ workloads }) => workloads.length === 0)
  if (idle.length > 0) trees.push(["nodes without endpoints", ...branches(idle.map((node) => [nodeText(node)]))])
  if (networks.length === 0) trees.unshift(["no networks"])
  return trees.map((lines) => lines.map((line) => `${cut(line, columns)}\n`).join("")).join("\n")
}

/** Each node with workloads on the network, as the lines of a subtree. */
function nodesOn(nodes: readonly GraphNode[], network: string): string[][] {
  return nodes.flatMap((node) => {
    const rows = node.workloads.flatMap(({ name, interfaces }) =>
      interfaces
        .filter((each) => each.network === network)
        .map(({ address, state }) => [name, address, state === "up" ? "" : state] as const),
    )
    if (rows.length === 0) return []
    const width = Math.max(...rows.map(([name]) => name.length))
    const lines = rows.map(([name, ...rest]) => [[name.padEnd(width), ...rest].join(GAP).trimEnd()])
    return [[nodeText(node), ...branches(lines)]]
  })
}

function nodeText({ name, address, role, state }: GraphNode): string {
  return [name, address, role, ...(state === "alive" ? [] : [state.toUpperCase()])].join(GAP)
}

/** Subtrees hung on one stem. */
function branches(subtrees: readonly string[][]): string[] {
  return subtrees.flatMap(([head, ...rest], at) => {
    const last = at === subtrees.length - 1
    return [`${last ? "`-- " : "|-- "}${head}`, ...rest.map((line) => `${last ? "    " : "|   "}${line}`)]
  })
}
