import { OvlError } from "../../../base/errors.ts"
import type { RecoveryPreview } from "../../../model/raft.ts"
import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"
import type { Context } from "../../context.ts"
import { DATA_DIR_OPTION } from "../../daemon.ts"
import { count, facts } from "../../render/text.ts"
import { requireRoot } from "../../rights.ts"
import { usageError } from "../../usage.ts"

type Asking = Pick<Context, "client" | "io" | "settings"> & { options: { "data-dir": string } }

export const raftRecover = defineCommand({
  path: ["raft", "recover"],
  task: "Look closer",
  summary: "Go on with one server after the majority was lost for good",
  details:
    "Run it on ONE server that is left: the one whose last entry is highest, by term and then by index; without --yes each says its own and changes nothing. It becomes the only server, adopts every entry in its log, decided or not, and removes the other servers: should they come back, they are refused until their data is removed with `ovl down --all` and they join again. Acknowledged writes that only the lost servers held are gone. Works on the data directory where no daemon runs.",
  examples: [
    { what: "What is here, and what would be lost", line: "ovl raft recover" },
    { what: "Go on", line: "ovl raft recover --yes" },
  ],
  arguments: {},
  options: {
    yes: { kind: "flag", short: "y", config: "", description: "Do it, rather than say what it would cost" },
    "data-dir": DATA_DIR_OPTION,
  },
  async run(context) {
    const confirm = context.options.yes
    const preview = await patiently(context, ask(context, confirm), "looking at the store")
    context.answer(preview, () => previewText(preview))
    if (!preview.recovered)
      throw usageError(
        "confirmation_missing",
        "raft recover: nothing was changed: this cannot be taken back",
        "compare the last entry with the other servers that are left; then, on the best one: ovl raft recover --yes",
      )
    context.remark(`${preview.node} goes on as the only server; add others with \`ovl join --server\``)
    return 0
  },
})

/** The daemon of this node, or where none runs, its data directory. */
async function ask(context: Asking, confirm: boolean): Promise<RecoveryPreview> {
  try {
    return await (await context.client()).recover({ confirm })
  } catch (thrown) {
    if (!(thrown instanceof OvlError) || thrown.code !== "no_daemon") throw thrown
  }
  requireRoot(context.io, "raft recover", "to open the data directory where no daemon runs")
  const dataDir = context.options["data-dir"]
  const { ensureOwnTmp } = await import("../../reexec.ts")
  await ensureOwnTmp(context.settings.runDir, dataDir)
  const { recoverOffline } = await import("../../../daemon/recover-offline.ts")
  return recoverOffline({ dataDir, confirm })
}

function previewText(preview: RecoveryPreview): string {
  const { node, lastTerm, lastIndex, commit, undecided, lastContactMs, removed, recovered } = preview
  const silent =
    lastContactMs === null ? "never, since this server was started" : `${Math.round(lastContactMs / 1_000)} s ago`
  return facts([
    ["server", node],
    ["last entry", `term ${lastTerm}, index ${lastIndex}`],
    ["decided", `up to index ${commit}`],
    ["adopted", `${count(undecided, "entry").replace("entrys", "entries")} that may never have been decided`],
    ["leader heard", `${silent}: what others acknowledged since then is lost`],
    [recovered ? "removed" : "to remove", removed.length > 0 ? removed.join(", ") : "no other server"],
  ])
}
