import { defineCommand } from "../command.ts"
import { requireRoot } from "../rights.ts"
import { checkTerminal } from "../terminal.ts"

export const exec = defineCommand({
  path: ["exec"],
  task: "Workloads on this node",
  summary: "Run a command in a workload's namespaces; its exit status is passed on",
  details: "The options of ovl end where the command begins, so the command's own need no --.",
  examples: [
    { what: "One ping to the other host", line: "ovl exec namespace_03 ping -c1 namespace_01" },
    { what: "A shell inside", line: "ovl exec -it namespace_01 bash" },
  ],
  arguments: {
    name: { name: "NAME", description: "A workload of this node", required: true, takes: "one", holds: "workload" },
    command: { name: "CMD", description: "The command and its arguments, untouched", required: true, takes: "command" },
  },
  options: {
    interactive: { kind: "flag", short: "i", description: "Give it this standard input" },
    tty: { kind: "flag", short: "t", description: "Give it a terminal" },
  },
  async run(context) {
    const { interactive, tty } = context.options
    checkTerminal("exec", tty, context.io)
    requireRoot(context.io, "exec", "to enter a namespace")
    const enter = await (await context.client()).enter(context.arguments.name)
    const { execIn } = await import("../../agent/workload/enter.ts")
    return execIn(enter, context.arguments.command, { interactive, tty })
  },
})
