import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"

export const raftTransfer = defineCommand({
  path: ["raft", "transfer"],
  task: "Look closer",
  summary: "Hand the lead to another server",
  details:
    "Without a name, to the one that is furthest ahead. Prints the new leader's name. Nothing is lost and nobody notices more than a short pause; do it before a leader's host is restarted.",
  examples: [
    { what: "Away from the present leader, to whoever is ready", line: "ovl raft transfer" },
    { what: "To one in particular", line: "ovl raft transfer swarm-02" },
  ],
  arguments: {
    name: { name: "NODE", description: "A server's name or id", required: false, takes: "one", holds: "node" },
  },
  options: {},
  async run(context) {
    const client = await context.client()
    const transfer = client.transferLeader(context.arguments.name)
    const answer = await patiently(context, transfer, "handing the lead over")
    context.answer(answer, () => `${answer.leader}\n`)
    return 0
  },
})
