import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"
import { count } from "../../render/text.ts"
import { inspect, snapshotDocument, snapshotSource } from "../../snapshot.ts"

export const snapshotRestore = defineCommand({
  path: ["snapshot", "restore"],
  task: "Keys and values",
  summary: "Put a saved snapshot in the place of all keys and sessions",
  details:
    "All of it or, on any error, nothing: what is there now stays until the snapshot has been checked to its end. Whoever waits for a change is woken, and indexes go on rising. Networks and their endpoints are not touched.",
  examples: [
    { what: "Back to a backup", line: "ovl snapshot restore backup.snap" },
    { what: "A compressed one", line: "zcat backup.snap.gz | ovl snapshot restore -" },
  ],
  arguments: {
    file: { name: "FILE", description: "A snapshot; - is standard input", required: true, takes: "one" },
  },
  options: {},
  async run(context) {
    const { file } = context.arguments
    const source = snapshotSource(context.io, file)
    // A file can be read twice, so a damaged one is told without a daemon; standard input only the daemon checks.
    const info = source instanceof Blob ? await inspect(source.stream(), file) : null
    const { kv } = await context.client()
    await patiently(context, kv.restoreSnapshot(source), "restoring")
    if (context.settings.json) context.document({ file, restored: true, ...(info ? snapshotDocument(info) : {}) })
    else
      context.remark(
        info ? `restored ${count(info.keys, "key")} and ${count(info.sessions, "session")}` : "restored the snapshot",
      )
    return 0
  },
})
