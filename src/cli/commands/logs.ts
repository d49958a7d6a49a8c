import { defineCommand } from "../command.ts"
import { usageError } from "../usage.ts"

export const logs = defineCommand({
  path: ["logs"],
  task: "Workloads on this node",
  summary: "Show what a detached workload printed",
  details: "The log is bounded: when it is full, its older half goes.",
  examples: [
    { what: "All there is", line: "ovl logs web" },
    { what: "The last ten lines and what comes, until the workload ends", line: "ovl logs -f --tail 10 web" },
  ],
  arguments: {
    name: { name: "NAME", description: "A workload of this node", required: true, takes: "one", holds: "workload" },
  },
  options: {
    follow: { kind: "flag", short: "f", description: "Go on with what comes" },
    tail: {
      kind: "integer",
      short: "n",
      value: "N",
      max: 999_999_999,
      description: "Only the last N lines of what is there",
    },
  },
  async run(context) {
    const { name } = context.arguments
    const { follow, tail } = context.options
    const { json } = context.settings
    if (json && follow)
      throw usageError("json_endless", "logs: --json cannot be joined with --follow", "leave out one of them")
    const client = await context.client()
    const decoder = new TextDecoder()
    let text = ""
    for await (const chunk of client.logs(name, { follow, tail })) {
      if (json) text += decoder.decode(chunk, { stream: true })
      else context.write(chunk)
    }
    if (json) context.document({ name, text: text + decoder.decode() })
    return 0
  },
})
