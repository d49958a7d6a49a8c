import { defineCommand } from "../command.ts"
import { patiently } from "../render/progress.ts"

export const leave = defineCommand({
  path: ["leave"],
  task: "Run a node",
  summary: "Take this node out of its cluster",
  details:
    "Its endpoints are withdrawn, its kernel state is removed, its membership ends, and so does the daemon. A server hands over first, if it leads, and gives up its vote; refused where those that are left could not decide any more. Its data are set aside as `store.left` and never taken up again.",
  examples: [
    { what: "Before a host is switched off for good", line: "ovl leave" },
    { what: "And remove its data too", line: "ovl leave && ovl down --all" },
  ],
  arguments: {},
  options: {},
  async run(context) {
    const client = await context.client()
    await patiently(context, client.leave(), "leaving the cluster")
    context.answer({ left: true }, () => "")
    context.remark("this node has left its cluster")
    return 0
  },
})
