import type { EndpointView } from "../../../model/endpoint.ts"
import { defineCommand } from "../../command.ts"
import { type Column, table } from "../../render/text.ts"

const COLUMNS: readonly Column<EndpointView>[] = [
  { title: "NAME", text: (endpoint) => endpoint.name },
  { title: "NETWORK", text: (endpoint) => endpoint.network },
  { title: "NODE", text: (endpoint) => endpoint.node },
  { title: "VTEP", text: (endpoint) => endpoint.vtep },
  { title: "IP", text: ({ ip, ip6 }) => (ip6 && ip6 !== ip ? `${ip} ${ip6}` : ip) },
  { title: "MAC", text: (endpoint) => endpoint.mac },
  { title: "IFNAME", text: (endpoint) => endpoint.ifname },
  { title: "STATE", text: (endpoint) => endpoint.state },
]

export const endpointLs = defineCommand({
  path: ["endpoint", "ls"],
  aliases: [["endpoint", "list"]],
  task: "Networks",
  summary: "List endpoints, every node's",
  examples: [
    { what: "All endpoints of the cluster", line: "ovl endpoint ls" },
    { what: "Those of one network", line: "ovl endpoint ls --network red" },
  ],
  arguments: {},
  options: { network: { kind: "text", value: "NET", description: "Only those of this network", holds: "network" } },
  async run(context) {
    const endpoints = await (await context.client()).endpoints({ network: context.options.network })
    context.answer(endpoints, () => {
      if (context.settings.quiet) return endpoints.map((endpoint) => `${endpoint.name}\n`).join("")
      return table(COLUMNS, endpoints)
    })
    return 0
  },
})
