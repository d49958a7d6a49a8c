import type { NetworkView } from "../../../model/network.ts"
import { defineCommand } from "../../command.ts"
import { type Column, shortId, table } from "../../render/text.ts"

const COLUMNS: readonly Column<NetworkView>[] = [
  { title: "NETWORK ID", text: (network) => shortId(network.id) },
  { title: "NAME", text: (network) => network.name },
  { title: "DRIVER", text: (network) => network.driver },
  { title: "SCOPE", text: (network) => network.scope },
  { title: "VNI", text: (network) => String(network.vni) },
  { title: "SUBNET", text: (network) => network.subnets.map((subnet) => subnet.subnet).join(", ") },
  { title: "ENDPOINTS", text: (network) => String(network.endpoints.length) },
]

export const networkLs = defineCommand({
  path: ["network", "ls"],
  aliases: [["network", "list"]],
  task: "Networks",
  summary: "List the cluster's networks",
  details: "With -q only the full ids, one a line.",
  examples: [
    { what: "All networks", line: "ovl network ls" },
    { what: "Names alone, for a script", line: "ovl network ls --json | jq -r '.[].name'" },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const networks = await (await context.client()).networks()
    context.answer(networks, () => {
      if (context.settings.quiet) return networks.map((network) => `${network.id}\n`).join("")
      return table(COLUMNS, networks)
    })
    return 0
  },
})
