/** How the unit starts the daemon: the verb and the options that were given to `ovl install`, without any secret. */
import { resolve } from "node:path"
import type { OptionTable } from "../command.ts"
import { DAEMON_OPTIONS, KV_PREFIX_OPTION, serversOf } from "../daemon.ts"
import { GLOBAL_OPTIONS } from "../globals.ts"
import type { Origin } from "../parse.ts"
import { usageError } from "../usage.ts"
import { durationText } from "../values.ts"
import { JOIN_TOKEN_PATH } from "./unit.ts"

/** What is the daemon's among the options of `ovl install`, those of every verb included. */
const STARTING: OptionTable = {
  "run-dir": GLOBAL_OPTIONS["run-dir"],
  config: GLOBAL_OPTIONS.config,
  ...DAEMON_OPTIONS,
  "kv-prefix": KV_PREFIX_OPTION,
}

/** A unit has no working directory of its own. */
const PATHS = ["run-dir", "config", "data-dir", "audit-log"]

export interface StartChoice {
  /** `serve`, `join`, or nothing. */
  words: readonly string[]
  values: Readonly<Record<string, unknown>>
  origins: Readonly<Record<string, Origin>>
  cwd: string
  /** Whether the data directory belongs to a cluster already. */
  resumes: boolean
  /** The words of an earlier install. */
  before: readonly string[] | null
}

export interface Start {
  words: string[]
  /** Whether it is a first join, which needs servers and a token. */
  joins: boolean
  servers: string[]
}

/**
 * Without a verb and options, what was installed before; else what they say. Where nothing says what to do, a new node
 * serves, and one with data joins: that never starts a new cluster where the data are lost. Throws `install_mode_invalid`
 * (usage), `option_value_invalid`.
 */
export function startOf(choice: StartChoice): Start {
  const { words, values, origins, resumes, before } = choice
  const [verb, servers = "", ...more] = words
  if ((verb !== undefined && verb !== "serve" && verb !== "join") || (verb === "serve" && servers) || more.length > 0)
    throw usageError(
      "install_mode_invalid",
      `install: ${words.map((word) => JSON.stringify(word)).join(" ")} is no way to start a node`,
      "say `ovl install serve`, or `ovl install join SERVER --token-file FILE`",
    )
  const said = [...Object.keys(STARTING), "server"].some((name) => origins[name] === "line")
  if (verb === undefined && !said && before !== null) return { words: [...before], joins: false, servers: [] }
  const mode = verb ?? (resumes ? "join" : "serve")
  refuseMisplaced(mode, origins)
  const joins = mode === "join" && !resumes
  const server = joins && values.server === true ? ["--server"] : []
  const first = joins ? [servers, ...server, `--token-file=${JOIN_TOKEN_PATH}`] : []
  return {
    words: [mode, ...first.filter((word) => word !== ""), ...optionWords(choice)],
    joins,
    servers: serversOf(servers),
  }
}

/** What was said here and now; what stands in the configuration file the daemon reads there itself. */
function optionWords({ values, origins, cwd }: StartChoice): string[] {
  return Object.entries(STARTING).flatMap(([name, option]) => {
    const value = values[name]
    if ((origins[name] !== "line" && origins[name] !== "variable") || value === undefined) return []
    if (option.kind === "duration") return [`--${name}=${durationText(value as number)}`]
    return [`--${name}=${PATHS.includes(name) ? resolve(cwd, String(value)) : value}`]
  })
}

function refuseMisplaced(mode: "serve" | "join", origins: StartChoice["origins"]): void {
  const other = mode === "serve" ? ["server", "token", "token-file"] : ["kv-prefix"]
  const name = other.find((each) => origins[each] === "line")
  if (name === undefined) return
  const verb = mode === "serve" ? "join" : "serve"
  throw usageError(
    "install_mode_invalid",
    `install ${mode}: --${name} belongs to ${verb}`,
    `say \`ovl install ${verb} ...\``,
  )
}
