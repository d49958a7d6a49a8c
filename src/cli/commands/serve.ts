import { defineCommand } from "../command.ts"
import { checkKvPrefix, DAEMON_OPTIONS, KV_PREFIX_OPTION, runDaemon } from "../daemon.ts"

export const serve = defineCommand({
  path: ["serve"],
  task: "Run a node",
  summary: "Run the first server of a new cluster, in the foreground",
  details:
    "On a data directory that belongs to a cluster it resumes that one. When it is ready it says how others join. SIGTERM ends the daemon and leaves the data plane as it is.",
  examples: [
    { what: "On a host with one address", line: "ovl serve" },
    {
      what: "Choose the underlay address and keep the data elsewhere",
      line: "ovl serve --advertise 192.168.1.51 --data-dir /srv/ovl",
    },
  ],
  arguments: {},
  options: {
    ...DAEMON_OPTIONS,
    "kv-prefix": KV_PREFIX_OPTION,
  },
  async run(context) {
    const { options } = context
    const kvPrefix = options["kv-prefix"]
    checkKvPrefix(kvPrefix)
    return runDaemon(context, { mode: "serve", options, kvPrefix, servers: [], token: null, server: true })
  },
})
