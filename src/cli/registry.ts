/**
 * The table of commands. A verb is found by its longest path; whatever is not in the table does not exist, so help,
 * configuration keys and the hints of a misspelt word are all read off it.
 */
import { notAvailable } from "../base/errors.ts"
import { type Command, configKeyOf, type Option } from "./command.ts"
import { attach } from "./commands/attach.ts"
import { completion } from "./commands/completion.ts"
import { configShow } from "./commands/config/show.ts"
import { detach } from "./commands/detach.ts"
import { doctor } from "./commands/doctor.ts"
import { down } from "./commands/down.ts"
import { endpointInspect } from "./commands/endpoint/inspect.ts"
import { endpointLs } from "./commands/endpoint/ls.ts"
import { events } from "./commands/events.ts"
import { exec } from "./commands/exec.ts"
import { graph } from "./commands/graph.ts"
import { explain } from "./commands/explain.ts"
import { install } from "./commands/install.ts"
import { join } from "./commands/join.ts"
import { kvDel } from "./commands/kv/del.ts"
import { kvExport } from "./commands/kv/export.ts"
import { kvGet } from "./commands/kv/get.ts"
import { kvImport } from "./commands/kv/import.ts"
import { kvLs } from "./commands/kv/ls.ts"
import { kvPut } from "./commands/kv/put.ts"
import { kvWatch } from "./commands/kv/watch.ts"
import { labDown } from "./commands/lab/down.ts"
import { labExec } from "./commands/lab/exec.ts"
import { labLinkDown, labLinkUp } from "./commands/lab/link.ts"
import { labLs } from "./commands/lab/ls.ts"
import { labUp } from "./commands/lab/up.ts"
import { labValidate } from "./commands/lab/validate.ts"
import { labVerify } from "./commands/lab/verify.ts"
import { leave } from "./commands/leave.ts"
import { logs } from "./commands/logs.ts"
import { metrics } from "./commands/metrics.ts"
import { networkConnect } from "./commands/network/connect.ts"
import { networkDisconnect } from "./commands/network/disconnect.ts"
import { networkCreate } from "./commands/network/create.ts"
import { networkInspect } from "./commands/network/inspect.ts"
import { networkLs } from "./commands/network/ls.ts"
import { networkPrune } from "./commands/network/prune.ts"
import { networkRm } from "./commands/network/rm.ts"
import { nodeInspect } from "./commands/node/inspect.ts"
import { nodeLs } from "./commands/node/ls.ts"
import { nodeRm } from "./commands/node/rm.ts"
import { NOT_AVAILABLE } from "./commands/not-available.ts"
import { ping } from "./commands/ping.ts"
import { ps } from "./commands/ps.ts"
import { raftLs } from "./commands/raft/ls.ts"
import { raftRecover } from "./commands/raft/recover.ts"
import { raftRm } from "./commands/raft/rm.ts"
import { raftTransfer } from "./commands/raft/transfer.ts"
import { rm } from "./commands/rm.ts"
import { run } from "./commands/run.ts"
import { serve } from "./commands/serve.ts"
import { snapshotInspect } from "./commands/snapshot/inspect.ts"
import { snapshotRestore } from "./commands/snapshot/restore.ts"
import { snapshotSave } from "./commands/snapshot/save.ts"
import { status } from "./commands/status.ts"
import { stop } from "./commands/stop.ts"
import { tokenCreate } from "./commands/token/create.ts"
import { tokenLs } from "./commands/token/ls.ts"
import { tokenRm } from "./commands/token/rm.ts"
import { uninstall } from "./commands/uninstall.ts"
import { version } from "./commands/version.ts"
import { wait } from "./commands/wait.ts"
import { callsFor } from "./foreign-words.ts"
import { GLOBAL_OPTIONS } from "./globals.ts"
import { nearest, usageError } from "./usage.ts"
import { type GivenOption, isOption, takeOption } from "./words.ts"

/** In the order in which help shows them. */
export const COMMANDS: readonly Command[] = [
  ...[labUp, labVerify, labExec, labLinkDown, labLinkUp, labLs, labDown, labValidate],
  ...[serve, join, leave, down, install, uninstall, configShow, tokenCreate, tokenLs, tokenRm],
  ...[
    networkCreate,
    networkLs,
    networkInspect,
    networkRm,
    networkPrune,
    networkConnect,
    networkDisconnect,
    endpointLs,
    endpointInspect,
  ],
  ...[run, exec, ps, logs, stop, rm, attach, detach],
  ...[kvGet, kvPut, kvDel, kvLs, kvWatch, kvExport, kvImport],
  ...[snapshotSave, snapshotRestore, snapshotInspect],
  ...[
    status,
    doctor,
    ping,
    events,
    wait,
    graph,
    metrics,
    nodeLs,
    nodeInspect,
    nodeRm,
    raftLs,
    raftTransfer,
    raftRm,
    raftRecover,
    explain,
    completion,
    version,
  ],
  ...NOT_AVAILABLE,
]

export const VERSION_COMMAND: Command = version

export type Found =
  | { type: "help"; path: readonly string[] }
  | { type: "verb"; command: Command; before: ReadonlyMap<string, GivenOption>; rest: readonly string[] }

/** Throws `unknown_command`, `verb_missing`, `unknown_option`, `not_available` (a noun of which nothing is built). */
export function findVerb(argv: readonly string[]): Found {
  const before = new Map<string, GivenOption>()
  const path: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word !== "--" && isOption(word)) {
      i += takeOption(before, word, argv[i + 1], [GLOBAL_OPTIONS], "ovl")
      continue
    }
    if (path.length === 0 && word === "help") return helpFor(argv.slice(i + 1))
    path.push(word)
    const command = commandAt(path)
    if (command) return { type: "verb", command, before, rest: argv.slice(i + 1) }
    if (verbsBelow(path).length === 0) throw unknownCommand(path, argv.slice(i + 1))
  }
  if (before.has("help")) return { type: "help", path }
  if (path.length > 0) throw verbMissing(path)
  // As with docker and consul, `-v` alone asks for the version.
  const version = before.has("version") || before.has("verbose")
  return version ? { type: "verb", command: VERSION_COMMAND, before, rest: [] } : { type: "help", path }
}

/** `ovl help network create`: as if `--help` stood at the end. */
function helpFor(words: readonly string[]): Found {
  const path = words.filter((word) => !isOption(word))
  const command = commandAt(path)
  if (command) return { type: "verb", command, before: new Map(), rest: ["--help"] }
  if (path.length > 0 && verbsBelow(path).length === 0) throw unknownCommand(path, [])
  return { type: "help", path }
}

/** The command whose path or alias is exactly this. */
export function commandAt(path: readonly string[]): Command | undefined {
  return COMMANDS.find((command) => pathsOf(command).some((each) => each.join(" ") === path.join(" ")))
}

/** The commands whose path begins with these words. */
export function verbsBelow(path: readonly string[]): Command[] {
  return COMMANDS.filter((command) => pathsOf(command).some((each) => path.every((word, at) => each[at] === word)))
}

function pathsOf(command: Command): readonly (readonly string[])[] {
  return [command.path, ...(command.aliases ?? [])]
}

/** `path` ends in the word that is not known; `rest` is what follows it. */
function unknownCommand(path: readonly string[], rest: readonly string[]): Error {
  const next = rest.find((word) => !isOption(word)) ?? ""
  const calls = callsFor(path, next, (each) => commandAt(each) !== undefined)
  const meant = calls.length > 0 ? calls : nearestCall(path, next)
  const help = `\`${["ovl", ...path.slice(0, -1), "--help"].join(" ")}\` lists the commands`
  const hint = meant.length > 0 ? `did you mean ${meant.map((call) => `\`ovl ${call}\``).join(" or ")}?` : help
  return usageError("unknown_command", `${path.join(" ")}: unknown command`, hint)
}

/** The misspelt word put right, and the one behind it where it then is one of a noun's verbs, or nearly. */
function nearestCall(path: readonly string[], next: string): string[] {
  const word = nearestWord(path.slice(0, -1), path.at(-1)!)
  if (word === undefined) return []
  const right = [...path.slice(0, -1), word]
  if (commandAt(right)) return [right.join(" ")]
  const verb = next === "" ? undefined : nearestWord(right, next)
  return [[...right, ...(verb === undefined ? [] : [verb])].join(" ")]
}

function nearestWord(known: readonly string[], given: string): string | undefined {
  const words = verbsBelow(known).flatMap((command) => pathsOf(command).map((each) => each[known.length] ?? ""))
  return words.includes(given) ? given : nearest(given, words)
}

function verbMissing(path: readonly string[]): Error {
  const below = verbsBelow(path)
  if (below.every((command) => command.unavailable)) throw notAvailable(path.join(" "))
  const built = below.filter((command) => !command.unavailable)
  const verbs = [...new Set(built.map((command) => command.path[path.length]))].join(", ")
  return usageError("verb_missing", `${path.join(" ")}: say what to do`, `choose one of ${verbs}`)
}

/** Every key that the configuration file may hold, with its option. */
export function configKeys(): Map<string, Option> {
  const keys = new Map<string, Option>()
  const add = (command: Command | null, name: string, option: Option) => {
    const key = configKeyOf(command, name, option)
    if (key !== null) keys.set(key, option)
  }
  for (const [name, option] of Object.entries(GLOBAL_OPTIONS)) add(null, name, option)
  for (const command of COMMANDS)
    for (const [name, option] of Object.entries(command.options)) add(command, name, option)
  return keys
}
