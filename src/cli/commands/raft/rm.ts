import { defineCommand } from "../../command.ts"
import { forEachName } from "../../several.ts"

export const raftRm = defineCommand({
  path: ["raft", "rm"],
  aliases: [["raft", "remove"]],
  task: "Look closer",
  summary: "Take servers out for good that will not come back",
  details:
    "The server loses its vote and its membership: its endpoints are withdrawn, its certificate is refused, its name is free. It can come back only as a new node, with an empty data directory: `ovl join --server`. Refused where those that are left could not decide any more. For a server `ovl node rm` does the same; one that is alive leaves by itself: run `ovl leave` there.",
  examples: [
    { what: "A host that died", line: "ovl raft rm swarm-03" },
    { what: "Two of them", line: "ovl raft rm swarm-04 swarm-05" },
  ],
  arguments: {
    names: { name: "NODE", description: "A server's name or id", required: true, takes: "many", holds: "node" },
  },
  options: {},
  async run(context) {
    const client = await context.client()
    return forEachName(context, context.arguments.names, (name) => client.removeServer(name))
  },
})
