import { defineCommand } from "../../command.ts"
import { LAB_OPTIONS, requireRootForLab } from "../../lab.ts"

export const labExec = defineCommand({
  path: ["lab", "exec"],
  task: "See it work",
  summary: "Run a command on a host of the lab; its exit status is passed on",
  details: "Inside, `ovl` finds that host's own daemon. The options of ovl end where the command begins.",
  examples: [
    { what: "A ping across hosts", line: "ovl lab exec swarm-02 -- ovl exec namespace_03 ping -c1 namespace_01" },
    { what: "What VXLAN looks like on the wire", line: "ovl lab exec swarm-01 tcpdump -ni eth0 udp port 4789" },
  ],
  arguments: {
    host: {
      name: "HOST",
      description: "A node of the lab, or its outside host",
      required: true,
      takes: "one",
      holds: "host",
    },
    command: { name: "CMD", description: "The command and its arguments, untouched", required: true, takes: "command" },
  },
  options: LAB_OPTIONS,
  async run(context) {
    const { name } = context.options
    requireRootForLab(context.io, "exec")
    const { execInLabHost } = await import("../../../lab/exec.ts")
    const { chooseLab } = await import("../../../lab/state.ts")
    return execInLabHost(chooseLab(name), context.arguments.host, context.arguments.command)
  },
})
