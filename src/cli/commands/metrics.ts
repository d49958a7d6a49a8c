import { defineCommand } from "../command.ts"
import { parseMetrics } from "../render/metrics.ts"

export const metrics = defineCommand({
  path: ["metrics"],
  task: "Look closer",
  summary: "Show this node's metrics, as Prometheus reads them",
  details:
    "In Prometheus' text format, the same that `/metrics` serves to it; with --json an array of {name, type, help, values: [{labels, value}]}.",
  examples: [
    { what: "All of them", line: "ovl metrics" },
    { what: "One of them", line: "ovl metrics --json | jq '.[] | select(.name == \"ovl_endpoints\").values[0].value'" },
  ],
  arguments: {},
  options: {},
  async run(context) {
    const text = await (await context.client()).metrics()
    context.answer(context.settings.json ? parseMetrics(text) : null, () => text)
    return 0
  },
})
