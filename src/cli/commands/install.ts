import { isAbsolute, resolve } from "node:path"
import { OvlError } from "../../base/errors.ts"
import { defineCommand } from "../command.ts"
import {
  checkJoin,
  checkKvPrefix,
  checkOptions,
  DAEMON_OPTIONS,
  JOIN_OPTIONS,
  KV_PREFIX_OPTION,
  tokenReader,
} from "../daemon.ts"
import { requireRoot } from "../rights.ts"
import type { Installed, ServiceState } from "../service/install.ts"
import { placedLines, rootOf } from "../service/report.ts"
import { usageError } from "../usage.ts"

export const install = defineCommand({
  path: ["install"],
  task: "Run a node",
  summary: "Install this program as a service of systemd, and start it",
  details:
    "Copies the program, writes a unit that starts it as `serve` or `join` with the options given here, tells systemd-networkd, udev and NetworkManager to leave ovl's interfaces alone, and writes a configuration file if there is none. Files that somebody else wrote or changed are kept and named. Called again it repairs and upgrades: without further words as it was installed before. `ovl uninstall` takes all of it back. The token of a first join is kept for root alone until the node is in, never in the unit. Where systemd does not run the machine, the rest is done.",
  examples: [
    { what: "The first host", line: "sudo ovl install serve --advertise 192.168.1.51" },
    {
      what: "Every other one, with a token that `ovl token create` printed",
      line: "sudo ovl install join 192.168.1.51 --token-file token",
    },
    { what: "What it would do", line: "ovl install --dry-run" },
    { what: "Into the tree of an image", line: "ovl install join 192.168.1.51 --root /tmp/image" },
  ],
  arguments: {
    words: {
      name: "serve|join SERVER",
      description: "How the service starts: the first server of a new cluster, or a further node of one",
      required: false,
      takes: "many",
      suggests: ["serve", "join"],
    },
  },
  options: {
    "dry-run": { kind: "flag", config: "", description: "Only say what would be done" },
    prefix: {
      kind: "text",
      value: "DIR",
      default: "/usr/local",
      description: "The program goes into bin below it",
    },
    root: {
      kind: "text",
      value: "DIR",
      config: "",
      description: "Put everything below this directory and start nothing: for images",
    },
    "no-start": { kind: "flag", description: "Have it started at the next boot only" },
    force: { kind: "flag", short: "f", config: "", description: "Replace files that somebody else wrote or changed" },
    ...JOIN_OPTIONS,
    ...DAEMON_OPTIONS,
    "kv-prefix": KV_PREFIX_OPTION,
  },
  async run(context) {
    const { options, settings, io, origins } = context
    checkOptions(context, options)
    checkKvPrefix(options["kv-prefix"])
    if (!isAbsolute(options.prefix))
      throw usageError(
        "option_value_invalid",
        `--prefix: "${options.prefix}" is not an absolute path`,
        "such as /usr/local",
      )
    const root = rootOf(options.root, io.cwd())
    const dryRun = options["dry-run"]
    if (root === "" && !dryRun) {
      requireRoot(io, "install", "to write into /etc and /usr")
      const { refuseInside } = await import("../../lab/lock.ts")
      refuseInside("install", "its files are")
    }
    const [{ install: put }, { startOf }, { readManifest }, { systemdOf }, { runningDaemon }, { ownProgram, resumes }] =
      await Promise.all([
        import("../service/install.ts"),
        import("../service/start.ts"),
        import("../service/manifest.ts"),
        import("../service/systemd.ts"),
        import("../../agent/lock.ts"),
        import("../service/program.ts"),
      ])
    const [dataDir, runDir] = [resolve(io.cwd(), options["data-dir"]), resolve(io.cwd(), settings.runDir)]
    const before = readManifest(root)
    const values = { ...options, "run-dir": settings.runDir, config: settings.config }
    const words = context.arguments.words
    const start = startOf({
      words,
      values,
      origins,
      cwd: io.cwd(),
      resumes: root === "" && resumes(dataDir),
      before: before?.start ?? null,
    })
    const systemd = systemdOf(io)
    const reader = start.joins ? tokenReader(context, options.token, options["token-file"]) : null
    if (root !== "" && reader !== null) throw tokenStaged()
    if (start.joins && (root !== "" || !systemd.runs))
      checkJoin({ servers: start.servers, token: () => "" }, "install join")
    else if (start.joins) checkJoin({ servers: start.servers, token: reader }, "install join")
    const kept = words.length === 0 && before !== null && start.words.join(" ") === before.start.join(" ")
    const done = await put({
      root,
      prefix: options.prefix,
      program: ownProgram(),
      start: start.words,
      dataDir: kept ? before.dataDir : dataDir,
      runDir: kept ? before.runDir : runDir,
      token: reader !== null && systemd.runs && !dryRun ? reader(io) : null,
      force: options.force,
      dryRun,
      startNow: !options["no-start"],
      systemd,
      runningDaemon: () => runningDaemon(runDir),
    })
    context.answer({ ...done, start: start.words, dryRun }, () => placedLines(done.files, dryRun))
    for (const remark of [...done.remarks, ...serviceRemarks(done, start.words, dryRun)]) context.remark(remark)
    return 0
  },
})

function tokenStaged(): OvlError {
  return new OvlError("token_staged", "install --root: a token does not belong into an image", {
    kind: "usage",
    hint: "leave it out; each host finds its own in /etc/ovl/join-token (0600) at its first start, and removes it when it is in",
  })
}

const STATES: Record<ServiceState, string> = {
  started: "ovl.service has been started, and starts at each boot",
  restarted: "ovl.service has been started anew; workloads went on",
  running: "ovl.service runs",
  enabled: "ovl.service starts at the next boot; systemctl start ovl starts it now",
  "not started": "ovl.service starts at the next boot",
  "no systemd": "systemd does not run this machine: nothing was started",
  staged: "nothing was started: all of it lies below --root",
}

function serviceRemarks({ service, files }: Installed, start: readonly string[], dryRun: boolean): string[] {
  const noSystemd = service === "no systemd"
  if (dryRun)
    return [
      "nothing was changed",
      ...(noSystemd ? ["systemd does not run this machine: nothing would be started"] : []),
    ]
  const kept = files.some(({ action, why }) => action === "kept" && why !== "it is yours")
  const call = noSystemd ? [`start the daemon by hand: ovl ${byHand(start)}`] : []
  return [STATES[service], ...call, ...(kept ? ["what was kept, --force replaces"] : [])]
}

/** The token goes where nobody reads it in the process list. */
function byHand(start: readonly string[]): string {
  return start.map((word) => (word.startsWith("--token-file=") ? "--token-file FILE" : word)).join(" ")
}
