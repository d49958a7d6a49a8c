import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"

export const networkDisconnect = defineCommand({
  path: ["network", "disconnect"],
  task: "Networks",
  summary: "Take a workload of this node off a network, while it runs",
  details: "Where its way to the outside went by this network, it goes by the next one that has any from then on.",
  examples: [
    { what: "One network less", line: "ovl network disconnect green web" },
    { what: "Moved to another one", line: "ovl network connect blue web\n  ovl network disconnect green web" },
  ],
  arguments: {
    network: { name: "NETWORK", description: "Its name or id", required: true, takes: "one", holds: "network" },
    workload: { name: "WORKLOAD", description: "Of this node", required: true, takes: "one", holds: "workload" },
  },
  options: {},
  async run(context) {
    const { network, workload } = context.arguments
    const client = await context.client()
    await patiently(context, client.disconnect(network, workload), `disconnecting ${workload} from ${network}`)
    return 0
  },
})
