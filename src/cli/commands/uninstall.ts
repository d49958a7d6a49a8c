import { resolve } from "node:path"
import { defineCommand } from "../command.ts"
import { DATA_DIR_OPTION } from "../daemon.ts"
import { progressOf } from "../render/progress.ts"
import { requireRoot } from "../rights.ts"
import { placedLines, rootOf } from "../service/report.ts"

export const uninstall = defineCommand({
  path: ["uninstall"],
  task: "Run a node",
  summary: "Take back what `ovl install` did, and list it",
  details:
    "Stops and disables the service, removes workloads and all that ovl put into this host's kernel, and removes the files that were installed and are still as they were; changed ones are kept and named. The cluster still knows the node: `ovl leave` first, or `ovl node rm` elsewhere. The data stay, unless --purge is given. A second call has nothing left to do.",
  examples: [
    { what: "Out of the cluster, and off this host", line: "ovl leave && sudo ovl uninstall --purge" },
    { what: "What it would remove", line: "ovl uninstall --dry-run" },
  ],
  arguments: {},
  options: {
    purge: { kind: "flag", config: "", description: "Remove the data directory too" },
    "dry-run": { kind: "flag", config: "", description: "Only say what would be done" },
    root: { kind: "text", value: "DIR", config: "", description: "The tree that was given to `ovl install`" },
    "data-dir": DATA_DIR_OPTION,
  },
  async run(context) {
    const { options, settings, io } = context
    const root = rootOf(options.root, io.cwd())
    const dryRun = options["dry-run"]
    if (root === "" && !dryRun) {
      requireRoot(io, "uninstall", "to remove files of root and interfaces")
      const { refuseInside } = await import("../../lab/lock.ts")
      refuseInside("uninstall", "its files are")
    }
    const { uninstall: take } = await import("../service/uninstall.ts")
    const { systemdOf } = await import("../service/systemd.ts")
    const progress = progressOf(context)
    const done = await progress.over(
      take({
        root,
        purge: options.purge,
        dryRun,
        dataDir: resolve(io.cwd(), options["data-dir"]),
        runDir: resolve(io.cwd(), settings.runDir),
        systemd: systemdOf(io),
        async takeDown(places) {
          const { takeDown } = await import("../../daemon/take-down.ts")
          await takeDown({ ...places, progress: progress.step })
        },
      }),
    )
    context.answer({ ...done, dryRun }, () => text(done, dryRun))
    if (done.files.length === 0) context.remark("nothing is recorded as installed")
    if (dryRun) context.remark("nothing was changed")
    else if (done.data === "kept") context.remark(`the data stay in ${done.dataDir}; --purge removes them`)
    return 0
  },
})

function text(
  { files, service, kernel, data, dataDir }: Awaited<ReturnType<typeof import("../service/uninstall.ts").uninstall>>,
  dryRun: boolean,
): string {
  const made = "workloads, interfaces, rules and namespaces of ovl"
  const rest = [
    ...(service === "stopped" ? [{ path: "ovl.service", action: "stopped", why: null }] : []),
    ...(kernel === "cleared" ? [{ path: made, action: "removed", why: null }] : []),
    ...(data === "removed" ? [{ path: dataDir, action: "removed", why: null }] : []),
  ]
  return placedLines([...rest, ...files], dryRun)
}
