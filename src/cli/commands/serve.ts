import { defineCommand } from "../command.ts"
import { DAEMON_OPTIONS, runDaemon } from "../daemon.ts"
import { usageError } from "../usage.ts"

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
    "kv-prefix": {
      kind: "text",
      value: "PREFIX",
      config: "kv-prefix",
      default: "ovl",
      description: "First part of the keys below which the networks' records are found",
    },
  },
  async run(context) {
    const { options } = context
    const kvPrefix = options["kv-prefix"]
    if (!kvPrefix.split("/").every((part) => /^(?!\.{1,2}$)[a-zA-Z0-9_.-]+$/.test(part)))
      throw usageError(
        "option_value_invalid",
        `--kv-prefix: "${kvPrefix}" is not a key prefix`,
        "use letters, digits, '_', '.', '-', and '/' only between them",
      )
    return runDaemon(context, { mode: "serve", options, kvPrefix, servers: [], token: null, server: true })
  },
})
