import type { RunSpec } from "../../model/workload.ts"
import { defineCommand } from "../command.ts"
import { patiently } from "../render/progress.ts"
import { NOT_STARTED } from "../exit-status.ts"
import { requireRoot } from "../rights.ts"
import { checkTerminal } from "../terminal.ts"
import { optionMissing, usageError } from "../usage.ts"

export const run = defineCommand({
  path: ["run"],
  task: "Workloads on this node",
  summary: "Run a command in a network namespace of its own, on one or more networks",
  details:
    "Without -d it runs in the foreground and its exit status is passed on. With -d it outlives the caller and the daemon: `ovl logs` shows what it printed; without a command the namespace is kept open until `ovl stop` or `ovl rm`.",
  examples: [
    { what: "A shell on the network red", line: "ovl run --network red --name toolbox -it -- bash" },
    {
      what: "A namespace to work in",
      line: "ovl run -d --network red --name namespace_01\n  ovl exec namespace_01 ip addr",
    },
    {
      what: "A web server that the outside reaches on port 8080 of this node",
      line: "ovl run -d --network red --name web -p 8080:80 -- python3 -m http.server 80",
    },
  ],
  arguments: {
    command: {
      name: "CMD",
      description: "The command and its arguments, untouched",
      required: false,
      takes: "command",
    },
  },
  options: {
    network: { kind: "list", value: "NET", description: "Network to be on; the first becomes eth0", holds: "network" },
    name: {
      kind: "text",
      value: "NAME",
      description: "The workload's name (default: one is made up)",
      holds: "new workload",
    },
    detach: { kind: "flag", short: "d", description: "Print the name and return at once" },
    interactive: { kind: "flag", short: "i", description: "Give it this standard input" },
    tty: { kind: "flag", short: "t", description: "Give it a terminal" },
    ip: {
      kind: "text",
      value: "ADDR",
      description: "Address on the first network (default: the next free)",
      holds: "address",
    },
    ip6: {
      kind: "text",
      value: "ADDR",
      description: "IPv6 address on the first network beside an IPv4 one",
      holds: "ipv6",
    },
    mac: {
      kind: "text",
      value: "MAC",
      description: "MAC on the first network (default: 02:42 and the address)",
      holds: "mac",
    },
    hostname: {
      kind: "text",
      value: "NAME",
      description: "Host name inside (default: the workload's name)",
      holds: "host",
    },
    env: {
      kind: "pair",
      short: "e",
      value: "KEY=VALUE",
      inherit: true,
      description: "Environment variable; a bare KEY is passed on",
    },
    publish: {
      kind: "list",
      short: "p",
      value: "HOST:PORT",
      description: "Publish a port: [ADDR:]HOST:PORT[/udp|tcp], or ranges of as many",
      holds: "ports",
    },
  },
  async run(context) {
    const { options, io } = context
    const { command } = context.arguments
    if (options.network.length === 0)
      throw optionMissing("run", "--network", "name a network: ovl run --network red ...; `ovl network ls` lists them")
    if (!options.detach && command.length === 0)
      throw usageError(
        "command_missing",
        "run: without -d a command is wanted",
        "add `-- CMD...`, or -d to keep the workload open without one",
      )
    if (options.detach && (options.interactive || options.tty))
      throw usageError(
        "detach_and_terminal",
        "run: -d cannot be joined with -i or -t",
        "start it with -d, then use `ovl exec -it`",
      )
    checkTerminal("run", options.tty, io)
    const { checkNetworks } = await import("../checks.ts")
    checkNetworks(options.network)
    const spec: RunSpec = {
      networks: options.network,
      name: options.name,
      hostname: options.hostname,
      ip: options.ip,
      ip6: options.ip6,
      mac: options.mac,
      publish: options.publish.length === 0 ? undefined : options.publish,
      env: options.env,
      command,
      detach: options.detach,
      cwd: io.cwd(),
    }
    if (!options.detach) requireRoot(io, "run", "to enter a namespace")
    const client = await context.client()
    if (options.detach) {
      const { workload } = await patiently(context, client.run(spec), "making the workload")
      context.answer(workload, () => `${workload.name}\n`)
      return 0
    }
    const { runForeground } = await import("../../agent/workload/enter.ts")
    const { workload, enter } = await patiently(context, client.run(spec), "making the workload")
    let exitStatus = NOT_STARTED
    try {
      exitStatus = await runForeground(enter, command, {
        interactive: options.interactive,
        tty: options.tty,
        started: (pid: number) => client.workloadStarted(workload.name, pid),
      })
    } finally {
      // A daemon that is away for the moment finds out by itself; the command's own end is what counts here.
      await client.workloadEnded(workload.name, exitStatus).catch((error: unknown) => context.report(error))
    }
    return exitStatus
  },
})
