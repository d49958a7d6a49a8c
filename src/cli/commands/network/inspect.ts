import { asOvlError } from "../../../base/errors.ts"
import type { NetworkView } from "../../../model/network.ts"
import { defineCommand } from "../../command.ts"

export const networkInspect = defineCommand({
  path: ["network", "inspect"],
  task: "Networks",
  summary: "Show all about networks, as a JSON array",
  details: 'Its endpoints on every node, and under "local" the namespace and interfaces that this node has for it.',
  examples: [
    { what: "One network", line: "ovl network inspect red" },
    {
      what: "Enter its hidden namespace",
      line: "ip netns exec $(basename $(ovl network inspect red | jq -r '.[0].local.netns')) bridge fdb",
    },
  ],
  arguments: {
    names: { name: "NAME", description: "A network's name or id", required: true, takes: "many", holds: "network" },
  },
  options: { kernel: { kind: "flag", description: "Also what the kernel holds", unavailable: true } },
  async run(context) {
    const client = await context.client()
    const found: NetworkView[] = []
    let exitStatus = 0
    for (const name of context.arguments.names) {
      try {
        found.push(await client.network(name))
      } catch (thrown) {
        context.report(thrown)
        exitStatus ||= asOvlError(thrown).exitStatus
      }
    }
    // Where there was nothing to show, the errors have said it all; a program gets its array all the same.
    if (found.length > 0 || context.settings.json) context.document(found)
    return exitStatus
  },
})
