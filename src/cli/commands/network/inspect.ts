import { asOvlError } from "../../../base/errors.ts"
import type { NetworkView } from "../../../model/network.ts"
import { defineCommand } from "../../command.ts"

export const networkInspect = defineCommand({
  path: ["network", "inspect"],
  task: "Networks",
  summary: "Show all about networks, as a JSON array",
  details:
    'Its endpoints on every node, and under "local" the namespace and interfaces that this node has for it. With --kernel its part of the network as the kernel has it at this moment, a line for each link, address and row: ok, missing, foreign (nobody\'s) or differs, which also shows what was expected; with --json under "kernel". It changes nothing; the daemon puts right what is wrong, within two seconds mostly, so that a fault is seen here only by a quick look, or where it stays.',
  examples: [
    { what: "One network", line: "ovl network inspect red" },
    {
      what: "Enter its hidden namespace",
      line: "ip netns exec $(basename $(ovl network inspect red | jq -r '.[0].local.netns')) bridge fdb",
    },
    { what: "What the kernel holds, beside what it should", line: "ovl network inspect --kernel red" },
  ],
  arguments: {
    names: { name: "NAME", description: "A network's name or id", required: true, takes: "many", holds: "network" },
  },
  options: {
    kernel: { kind: "flag", description: "What this node's kernel holds, beside what it should" },
  },
  async run(context) {
    const client = await context.client()
    const { kernel } = context.options
    const found: NetworkView[] = []
    let exitStatus = 0
    for (const name of context.arguments.names) {
      try {
        found.push(await client.network(name, { kernel }))
      } catch (thrown) {
        context.report(thrown)
        exitStatus ||= asOvlError(thrown).exitStatus
      }
    }
    // Where there was nothing to show, the errors have said it all; a program gets its array all the same.
    if (found.length === 0 && !context.settings.json) return exitStatus
    if (!kernel) context.document(found)
    else {
      const { kernelText } = await import("../../render/kernel.ts")
      context.answer(found, () => found.map(kernelText).join("\n"))
    }
    return exitStatus
  },
})
