import { defineCommand } from "../../command.ts"
import { labOfFile } from "../../lab.ts"

export const labValidate = defineCommand({
  path: ["lab", "validate"],
  task: "See it work",
  summary: "Check a lab's file, and make nothing",
  details:
    "What is wrong is told with file, line and column, several mistakes at once, and exit status 2. With --json a file that is right is shown with all that it leaves open filled in. docs/labs.md describes the format; schemas/lab.schema.json lets an editor help.",
  examples: [
    { what: "Is it right?", line: "ovl lab validate labs/three-hosts.yaml" },
    { what: "Which address gets which workload?", line: "ovl lab validate mine.yaml --json | jq .workloads" },
  ],
  arguments: {
    file: { name: "FILE", description: "A lab as YAML, or - for standard input", required: true, takes: "one" },
  },
  options: {},
  async run(context) {
    const { file } = context.arguments
    const topology = await labOfFile(context.io, file, undefined)
    const { name, hosts, networks, workloads, expect } = topology
    context.answer(topology, () => {
      const parts = [
        count(hosts.length, "node"),
        count(networks.length, "network"),
        count(workloads.length, "workload"),
        count(expect.length, "expectation"),
      ]
      return `${file}: lab ${name}: ${parts.join(", ")}\n`
    })
    return 0
  },
})

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`
}
