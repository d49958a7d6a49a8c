import type { KvClient } from "../../../client/kv.ts"
import type { SnapshotInfo } from "../../../store/port.ts"
import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"
import type { Context } from "../../context.ts"
import { count } from "../../render/text.ts"
import { inspect, snapshotDocument } from "../../snapshot.ts"
import { usageError } from "../../usage.ts"

export const snapshotSave = defineCommand({
  path: ["snapshot", "save"],
  task: "Keys and values",
  summary: "Write all keys and sessions, as they are at one moment, to a file",
  details:
    "Writing goes on meanwhile and does not show in it. The file is checked before it takes the place of one that was there. It holds values in the clear, so only its owner may read it.",
  examples: [
    { what: "A backup", line: "ovl snapshot save backup.snap" },
    { what: "Compressed, on another host", line: "ovl snapshot save - | gzip | ssh other 'cat > backup.snap.gz'" },
  ],
  arguments: {
    file: { name: "FILE", description: "Where to; - is standard output", required: true, takes: "one" },
  },
  options: {},
  async run(context) {
    const { file } = context.arguments
    const { io, settings } = context
    if (file === "-" && (io.stdoutIsTerminal || settings.json))
      throw usageError(
        "stdout_taken",
        "snapshot save -: standard output is for the snapshot alone",
        settings.json ? "leave out --json, or name a file" : "pipe it, or name a file",
      )
    const { kv } = await context.client()
    const info =
      file === "-" ? await toStdout(context, kv) : await patiently(context, toFile(file, kv), "reading the store")
    if (settings.json) context.document({ file, ...snapshotDocument(info) })
    else
      context.remark(
        `saved ${count(info.keys, "key")} and ${count(info.sessions, "session")} at index ${info.revision}`,
      )
    return 0
  },
})

async function toStdout(context: Pick<Context, "write">, kv: KvClient): Promise<SnapshotInfo> {
  const { chunks } = await kv.saveSnapshot()
  return inspect(
    passing(chunks, async (chunk) => context.write(chunk)),
    "standard output",
  )
}

async function toFile(file: string, kv: KvClient): Promise<SnapshotInfo> {
  const { writeWhole } = await import("../../atomic-file.ts")
  let info: SnapshotInfo | undefined
  await writeWhole(file, async (put, signal) => {
    const { chunks } = await kv.saveSnapshot({ signal })
    info = await inspect(passing(chunks, put), file)
  })
  return info!
}

/** The same chunks, each written on its way. */
async function* passing(
  chunks: AsyncIterable<Uint8Array>,
  put: (chunk: Uint8Array) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await put(chunk)
    yield chunk
  }
}
