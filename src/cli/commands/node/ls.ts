import type { NodeView } from "../../../model/node.ts"
import { defineCommand } from "../../command.ts"
import { type Column, table } from "../../render/text.ts"

const COLUMNS: readonly Column<NodeView>[] = [
  { title: "NAME", text: (node) => node.name },
  { title: "ADDRESS", text: (node) => node.address },
  { title: "ROLE", text: roleOf },
  { title: "STATE", text: (node) => node.state },
  { title: "VERSION", text: (node) => node.version },
]

/** A server that has no vote yet is a learner. */
function roleOf({ role, leader, voter, state }: NodeView): string {
  if (role === "client" || state === "left") return role
  return leader ? "server (leader)" : voter ? "server" : "server (learner)"
}

export const nodeLs = defineCommand({
  path: ["node", "ls"],
  aliases: [["node", "list"]],
  task: "Look closer",
  summary: "List the cluster's nodes",
  examples: [
    { what: "Who is there", line: "ovl node ls" },
    {
      what: "Names of the nodes that do not answer",
      line: "ovl node ls --json | jq -r '.[] | select(.state == \"failed\") | .name'",
    },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const nodes = await (await context.client()).nodes()
    context.answer(nodes, () => {
      if (context.settings.quiet) return nodes.map((node) => `${node.name}\n`).join("")
      return table(COLUMNS, nodes)
    })
    return 0
  },
})
