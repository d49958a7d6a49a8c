import { defineCommand } from "../../command.ts"
import { ago, facts } from "../../render/text.ts"
import { inspect, snapshotDocument, snapshotSource } from "../../snapshot.ts"

export const snapshotInspect = defineCommand({
  path: ["snapshot", "inspect"],
  task: "Keys and values",
  summary: "Show what a snapshot holds, and whether it is whole",
  details: "It needs no daemon. Form and checksum are checked to the end of the file.",
  examples: [
    { what: "Is the backup good?", line: "ovl snapshot inspect backup.snap" },
    { what: "How many keys are in it", line: "ovl snapshot inspect backup.snap --json | jq .keys" },
  ],
  arguments: {
    file: { name: "FILE", description: "A snapshot; - is standard input", required: true, takes: "one" },
  },
  options: {},
  async run(context) {
    const { file } = context.arguments
    const source = snapshotSource(context.io, file)
    const info = await inspect(source instanceof Blob ? source.stream() : source, file)
    context.answer(snapshotDocument(info), () => {
      const time = new Date(info.time).toISOString()
      return facts([
        ["index", String(info.revision)],
        ["made", `${time} (${ago(time, context.now())})`],
        ["keys", String(info.keys)],
        ["sessions", String(info.sessions)],
        ["size", `${info.bytes} bytes`],
        ["checksum", context.style.good("right")],
      ])
    })
    return 0
  },
})
