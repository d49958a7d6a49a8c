import { defineCommand } from "../command.ts"
import { DAEMON_OPTIONS, JOIN_OPTIONS, runDaemon, serversOf, tokenReader } from "../daemon.ts"

export const join = defineCommand({
  path: ["join"],
  task: "Run a node",
  summary: "Run a further node of a cluster, in the foreground",
  details:
    "On a data directory that belongs to a cluster it resumes: server, token and --server are then neither needed nor looked at. A server loads the store first and gets its vote by itself: `ovl raft ls` shows it.",
  examples: [
    {
      what: "With a token that `ovl token create` printed on a server",
      line: 'ovl join 192.168.1.51 --token "$TOKEN"',
    },
    {
      what: "As a further server, with a token that `ovl token create --role server` printed",
      line: 'ovl join 192.168.1.51 --server --token "$TOKEN"',
    },
    {
      what: "Without the token in the process list",
      line: "ssh swarm-01 ovl token create | ovl join 192.168.1.51 --token -",
    },
  ],
  arguments: {
    servers: {
      name: "SERVER",
      description: "Address of a server, or several separated by commas, with :PORT where it is not 8300",
      required: false,
      takes: "one",
    },
  },
  options: {
    ...JOIN_OPTIONS,
    ...DAEMON_OPTIONS,
  },
  async run(context) {
    const { options } = context
    const token = tokenReader(context, options.token, options["token-file"])
    const servers = serversOf(context.arguments.servers)
    return runDaemon(context, { mode: "join", options, kvPrefix: "", servers, token, server: options.server })
  },
})
