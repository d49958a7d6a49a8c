import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"
import { egressWish, INTERFACE_OPTIONS } from "../attach.ts"

export const networkConnect = defineCommand({
  path: ["network", "connect"],
  task: "Networks",
  summary: "Put a workload of this node on one more network, while it runs",
  details:
    "The workload is one that `ovl run` made, or one that was attached. The interface becomes its first free ethN unless --ifname names it. Prints the endpoint's name.",
  examples: [
    { what: "One more network", line: "ovl network connect green web" },
    { what: "With an address of its own choice", line: "ovl network connect --ip 10.65.10.9 green web" },
  ],
  arguments: {
    network: { name: "NETWORK", description: "Its name or id", required: true, takes: "one", holds: "network" },
    workload: { name: "WORKLOAD", description: "Of this node", required: true, takes: "one", holds: "workload" },
  },
  options: INTERFACE_OPTIONS,
  async run(context) {
    const { ip, ip6, mac, ifname } = context.options
    const { network, workload } = context.arguments
    const egress = egressWish(context)
    const client = await context.client()
    const asked = client.connect(network, { workload, ip, ip6, mac, ifname, egress })
    const endpoint = await patiently(context, asked, `connecting ${workload} to ${network}`)
    context.answer(endpoint, () => `${endpoint.name}\n`)
    return 0
  },
})
