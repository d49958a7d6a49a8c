import type { NetworkView } from "../../model/network.ts"
import { defineCommand } from "../command.ts"

export const graph = defineCommand({
  path: ["graph"],
  task: "Look closer",
  summary: "Draw networks, nodes and workloads",
  details:
    "ascii is a tree for the terminal; mermaid goes into a Markdown page, dot into Graphviz. With --json the same as data.",
  examples: [
    { what: "Who is where", line: "ovl graph" },
    { what: "A picture of one network", line: "ovl graph --format dot --network red | dot -Tsvg > red.svg" },
  ],
  arguments: {},
  options: {
    format: {
      kind: "text",
      value: "FORMAT",
      default: "ascii",
      choices: ["ascii", "mermaid", "dot"],
      description: "ascii, mermaid or dot",
    },
    network: {
      kind: "text",
      value: "NET",
      config: "",
      holds: "network",
      description: "Only this one, and what is on it",
    },
  },
  async run(context) {
    const { format, network } = context.options
    const client = await context.client()
    const one = network === undefined ? null : await client.network(network)
    const [all, nodes] = await Promise.all([client.networks(), client.nodes()])
    const { graphOf } = await import("../graph/graph.ts")
    const drawn = graphOf(withNetwork(all, one), nodes, one?.name)
    const columns = context.io.stdoutIsTerminal ? context.io.stdoutColumns : Infinity
    const { asciiGraph } = await import("../graph/ascii.ts")
    const { dotGraph } = await import("../graph/dot.ts")
    const { mermaidGraph } = await import("../graph/mermaid.ts")
    context.answer(drawn, () => {
      if (format === "dot") return dotGraph(drawn)
      return format === "mermaid" ? mermaidGraph(drawn) : asciiGraph(drawn, columns)
    })
    return 0
  },
})

/** It may have been made between the two questions. */
function withNetwork(all: readonly NetworkView[], one: NetworkView | null): readonly NetworkView[] {
  return one === null || all.some(({ id }) => id === one.id) ? all : [...all, one]
}
