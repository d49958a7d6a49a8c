/**
 * What `serve` and `join` have in common: the node's options, their checks, and the start of the daemon. Everything
 * heavy is imported only when the checks are done.
 */
import { isIP } from "node:net"
import { OvlError } from "../base/errors.ts"
import {
  STORE_VALUE_MAX_BYTES,
  KV_VALUE_MAX_BYTES,
  SESSION_TTL_MAX_MS,
  SESSION_TTL_MIN_MS,
  JOIN_SERVERS_MAX,
  TOKEN_TEXT_MAX_BYTES,
} from "../base/limits.ts"
import { jsonLog, lineLog } from "../base/log.ts"
import type { OptionTable, OptionValues } from "./command.ts"
import type { Context } from "./context.ts"
import { DEFAULT_DATA_DIR } from "./globals.ts"
import type { Io } from "./io.ts"
import { requireRoot } from "./rights.ts"
import { usageError } from "./usage.ts"
import { addressAndPort } from "./values.ts"

export const DATA_DIR_OPTION = {
  kind: "text",
  value: "DIR",
  config: "data-dir",
  default: DEFAULT_DATA_DIR,
  description: "Where the node keeps its identity and the store",
} as const

/** In the configuration file they stand at the top: they describe the node. */
export const DAEMON_OPTIONS = {
  name: {
    kind: "text",
    value: "NAME",
    config: "name",
    description: "The node's name (default: the host's)",
    holds: "new node",
  },
  advertise: {
    kind: "text",
    value: "ADDR",
    config: "advertise",
    description: "Address under which other nodes reach this one, for VXLAN too (default: that of the default route)",
  },
  "data-dir": DATA_DIR_OPTION,
  http: {
    kind: "text",
    value: "ADDR:PORT",
    config: "http",
    default: "127.0.0.1:8500",
    description: "Where the API listens besides the socket; off for nowhere",
  },
  bind: {
    kind: "text",
    value: "ADDR:PORT",
    config: "bind",
    default: "0.0.0.0:8300",
    description: "Where other nodes are listened to",
  },
  "kv-max-value": {
    kind: "integer",
    value: "BYTES",
    config: "kv-max-value",
    default: KV_VALUE_MAX_BYTES,
    min: 1,
    max: STORE_VALUE_MAX_BYTES,
    description: "The largest value that the KV takes (Consul's kv_max_value_size)",
  },
  "session-ttl-min": {
    kind: "duration",
    value: "TIME",
    config: "session-ttl-min",
    default: SESSION_TTL_MIN_MS,
    min: 1_000,
    max: SESSION_TTL_MAX_MS,
    description: "The shortest TTL that a session may have (Consul's session_ttl_min)",
  },
  "log-format": {
    kind: "text",
    value: "FORMAT",
    config: "log-format",
    default: "text",
    choices: ["text", "json"],
    description: "How the daemon writes its log on stderr: lines for people, or one JSON object a line",
  },
  audit: {
    kind: "text",
    value: "WHAT",
    config: "audit",
    default: "changes",
    choices: ["changes", "all"],
    description: "Log a line for each change that is asked of this node; all: also of keys and sessions",
  },
  "audit-log": {
    kind: "text",
    value: "FILE",
    config: "audit-log",
    description: "Write these lines to a file too, as JSON, for root alone; bounded, older ones as FILE.1 to FILE.4",
  },
} as const satisfies OptionTable

export const KV_PREFIX_OPTION = {
  kind: "text",
  value: "PREFIX",
  config: "kv-prefix",
  default: "ovl",
  description: "First part of the keys below which the networks' records are found",
} as const

/** Throws `option_value_invalid`. */
export function checkKvPrefix(prefix: string): void {
  if (prefix.split("/").every((part) => /^(?!\.{1,2}$)[a-zA-Z0-9_.-]+$/.test(part))) return
  throw usageError(
    "option_value_invalid",
    `--kv-prefix: "${prefix}" is not a key prefix`,
    "use letters, digits, '_', '.', '-', and '/' only between them",
  )
}

/** Of a first join. */
export const JOIN_OPTIONS = {
  token: {
    kind: "text",
    value: "TOKEN",
    config: "token",
    secret: true,
    description: "Join token; - reads it from standard input",
  },
  "token-file": { kind: "text", value: "FILE", config: "token-file", description: "File that holds the join token" },
  server: {
    kind: "flag",
    description: "Become a server: keep the store too, and get a vote; wants a token of role server",
  },
} as const satisfies OptionTable

/** `192.168.1.51,192.168.1.52`, as an argument. */
export function serversOf(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((server) => server !== "")
}

type DaemonValues = OptionValues<typeof DAEMON_OPTIONS>

/** Gives the token. One that was given as text can be read at any time, a stream only once. */
export interface TokenReader {
  (io: Io): string
  isText?: boolean
}

export interface DaemonRequest {
  mode: "serve" | "join"
  options: DaemonValues
  kvPrefix: string
  servers: string[]
  /** Whether a new node is to keep the store. */
  server: boolean
  /** Called only where a token is needed; null: none was given. */
  token: TokenReader | null
}

/** The part of a verb's context that does not depend on the verb. */
export type DaemonContext = Pick<Context, "io" | "settings" | "origins" | "line" | "now">

/** Runs the daemon to its end and resolves to the exit status. */
export async function runDaemon(context: DaemonContext, request: DaemonRequest): Promise<number> {
  const { mode, options } = request
  checkOptions(context, options)
  requireRoot(context.io, mode, "to make namespaces and interfaces")
  const { loadIdentity } = await import("../agent/identity.ts")
  const resumes = loadIdentity(options["data-dir"]) !== null
  if (mode === "join" && !resumes) {
    checkJoin(request, "join")
    if (request.token?.isText) await checkToken(request.token(context.io))
  }
  const { ensureOwnTmp } = await import("./reexec.ts")
  await ensureOwnTmp(context.settings.runDir, options["data-dir"])
  const token = mode === "join" && !resumes && request.token ? request.token(context.io) : null
  const { startDaemon } = await importDaemon()
  const daemon = await startDaemon({
    mode,
    name: options.name ?? null,
    advertise: options.advertise ?? null,
    dataDir: options["data-dir"],
    runDir: context.settings.runDir,
    http: options.http === "off" ? null : options.http,
    bind: options.bind,
    kvPrefix: request.kvPrefix,
    servers: request.servers,
    server: request.server,
    token,
    consul: { valueMaxBytes: options["kv-max-value"], sessionTtlMinMs: options["session-ttl-min"] },
    audit: { scope: options.audit === "all" ? "all" : "changes", file: options["audit-log"] ?? null },
    out: (line: string) => context.line(line),
    log: (options["log-format"] === "json" ? jsonLog : lineLog)(
      (line) => context.io.stderr(line),
      logLevel(context),
      () => new Date(context.now()).toISOString(),
    ),
  })
  return daemon.done
}

function logLevel(context: DaemonContext): "debug" | "info" | "warn" {
  if (context.settings.verbose) return "debug"
  return context.settings.quiet ? "warn" : "info"
}

/** Throws `socket_not_chosen`, `option_value_invalid`. */
export function checkOptions(context: Pick<DaemonContext, "origins">, options: DaemonValues): void {
  if (context.origins.socket === "line")
    throw usageError(
      "socket_not_chosen",
      "--socket: a daemon's socket is always ovl.sock in its run directory",
      "choose the directory with --run-dir",
    )
  if (options.http !== "off") checkListener("--http", options.http, 0)
  checkListener("--bind", options.bind, 1)
  if (options.advertise !== undefined && isIP(options.advertise) === 0)
    throw usageError(
      "option_value_invalid",
      `--advertise: "${options.advertise}" is not an IP address`,
      "write the address alone, such as 192.168.1.51",
    )
}

/** Where to listen is an address, not a name that may stand for several. */
function checkListener(given: string, text: string, leastPort: number): void {
  const { address } = addressAndPort(given, text, leastPort)
  if (isIP(address) !== 0 || address === "localhost") return
  throw usageError(
    "option_value_invalid",
    `${given}: "${address}" is not an IP address`,
    "write it as 127.0.0.1:8500 or [::1]:8500",
  )
}

/**
 * What a first join needs; `verb` is how it was called. Throws `argument_missing`, `servers_too_many`, `option_missing`,
 * and what is wrong with a server.
 */
export function checkJoin(
  { servers, token }: Pick<DaemonRequest, "servers" | "token">,
  verb: "join" | "install join",
): void {
  if (servers.length === 0)
    throw usageError(
      "argument_missing",
      `${verb}: SERVER is missing`,
      `name a server of the cluster: ovl ${verb} 192.168.1.51`,
    )
  if (servers.length > JOIN_SERVERS_MAX)
    throw usageError("servers_too_many", `${verb}: ${servers.length} servers`, `name ${JOIN_SERVERS_MAX} at most`)
  for (const server of servers) checkServer(server)
  if (token !== null) return
  throw usageError(
    "option_missing",
    `${verb}: --token is missing`,
    "`ovl token create` on a server prints one; give it with --token, OVL_TOKEN, --token-file or - for standard input",
  )
}

/** An address or host name, with or without a port. */
function checkServer(server: string): void {
  const isName = /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,253})$/.test(server) && !/^[\d.]+$/.test(server)
  if (isIP(server) !== 0 || isName) return
  addressAndPort("SERVER", server, 1)
}

/** The reader of a token that was given as text, as a file, or as `-` for standard input. */
export function tokenReader(
  context: DaemonContext,
  token: string | undefined,
  file: string | undefined,
): DaemonRequest["token"] {
  const strength = ["line", "variable", "file"]
  const order = (name: string) => strength.indexOf(context.origins[name] ?? "")
  const both = token !== undefined && file !== undefined
  if (both && order("token") === order("token-file"))
    throw usageError("token_twice", "--token and --token-file: only one can be used", "leave one of them out")
  if (file !== undefined && !(both && order("token") < order("token-file")))
    return (io) => tokenText(readTokenFile(io, file), file)
  if (token === undefined) return null
  if (token === "-") return (io) => tokenText(io.readStdin(TOKEN_TEXT_MAX_BYTES), "standard input")
  return Object.assign(() => token, { isText: true })
}

/** Refused before a directory is made. Throws `token_malformed`. */
async function checkToken(text: string): Promise<void> {
  const { parseToken } = await import("../transport/tokens.ts")
  parseToken(text)
}

function readTokenFile(io: Io, file: string): Uint8Array {
  try {
    return io.readFile(file, TOKEN_TEXT_MAX_BYTES)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown"
    const why = { ENOENT: "there is no such file", EACCES: "permission denied", EISDIR: "it is a directory" }[code]
    throw new OvlError("token_unreadable", `cannot read the token in ${file}: ${why ?? code}`, {
      kind: code === "ENOENT" ? "not_found" : "failed",
      hint: "check the path that was given with --token-file",
    })
  }
}

function tokenText(bytes: Uint8Array, source: string): string {
  const token = new TextDecoder().decode(bytes).trim()
  if (token !== "") return token
  throw usageError(
    "token_missing",
    `cannot join: ${source} holds no token`,
    "`ovl token create` on a server prints one",
  )
}

/** The store's native part is unpacked at import; a full or broken disk shows here first. */
async function importDaemon(): Promise<typeof import("../daemon/daemon.ts")> {
  try {
    return await import("../daemon/daemon.ts")
  } catch (cause) {
    if (cause instanceof OvlError) throw cause
    throw new OvlError("tmp_unusable", `cannot start: ${cause instanceof Error ? cause.message : cause}`, {
      hint: "a library could not be unpacked: is there room below --run-dir, and may programs be executed there?",
      cause,
    })
  }
}
