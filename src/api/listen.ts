/**
 * The doors to the application: the Unix socket, guarded by its file's permission, and TCP. Each tells the application
 * which one it is. Both refuse a KV path with `..` segments before Bun resolves it into another key.
 */
import { chownSync, lstatSync, readFileSync, rmSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { API_CLOSE_TIMEOUT_MS, API_IDLE_TIMEOUT_S, KV_DOT_SEGMENTS_MAX, SOCKET_PATH_MAX_BYTES } from "../base/limits.ts"
import type { HttpAddress } from "./address.ts"
import { type Application, type Listener, targetOf } from "./context.ts"
import { consulText } from "./errors.ts"

export interface ApiListener {
  /** The path of the socket, or `ADDR:PORT` as really bound. */
  readonly address: string
  /** Stops listening, gives what is being answered a moment to end, and cuts the rest off. May be called again. */
  close(): Promise<void>
}

/** A server certificate and its private key, as PEM text. */
export interface TlsIdentity {
  cert: string
  key: string
}

/** Bodies beyond this are cut off by Bun itself; below, the application refuses them with a reason. */
const BODY_WALL_BYTES = 2 ** 40

/** The group whose members may use the socket, as docker's group may use docker's. */
const SOCKET_GROUP = "ovl"

/**
 * Serves the socket at `path`, for root and group `ovl`. What a daemon that died left there is replaced. Errors:
 * socket_in_use (conflict), socket_path_taken (conflict), socket_path_invalid (usage), socket_failed.
 */
export async function listenUnix(app: Application, path: string): Promise<ApiListener> {
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX_BYTES) {
    throw new OvlError("socket_path_invalid", `cannot listen on ${path}: longer than ${SOCKET_PATH_MAX_BYTES} bytes`, {
      kind: "usage",
      hint: "choose a shorter --run-dir or --socket",
    })
  }
  await removeStale(path)
  // Nobody else may connect, not even between the making of the socket and the setting of its group.
  const umask = process.umask(0o117)
  try {
    // On a Unix socket `server.timeout` does nothing, so nobody is cut off there: whoever may connect is trusted anyway.
    const neverIdle: object = { idleTimeout: 0 }
    const server = Bun.serve({ unix: path, ...neverIdle, ...serveOptions(app, { kind: "unix" }) })
    giveToGroup(path)
    return { address: path, close: () => closeServer(server) }
  } catch (error) {
    throw new OvlError("socket_failed", `cannot listen on ${path}: ${messageOf(error)}`, { cause: error })
  } finally {
    process.umask(umask)
  }
}

/**
 * Serves TCP at an address from `parseHttpAddress`. One that is not loopback wants TLS, and a token for everything.
 * Errors: port_in_use (conflict), address_unavailable, tls_missing (usage).
 */
export function listenTcp(app: Application, address: HttpAddress, tls?: TlsIdentity): ApiListener {
  const { hostname, port, loopback } = address
  if (!loopback && !tls) {
    throw new OvlError(
      "tls_missing",
      `cannot listen on ${hostname}:${port}: an address that is not loopback needs TLS`,
      {
        kind: "usage",
        hint: "keep --http on 127.0.0.1, or give a certificate and its key",
      },
    )
  }
  const listener: Listener = { kind: "tcp", loopback, scheme: tls ? "https" : "http" }
  try {
    // Without `reusePort: false`, `development: false` lets two daemons listen on one port and share its connections.
    const shared = { idleTimeout: API_IDLE_TIMEOUT_S, reusePort: false, ...serveOptions(app, listener) }
    const server = Bun.serve({ hostname, port, ...(tls ? { tls } : {}), ...shared })
    return { address: joinHostPort(hostname, server.port ?? port), close: () => closeServer(server) }
  } catch (error) {
    throw listenError(joinHostPort(hostname, port), error)
  }
}

function serveOptions(app: Application, listener: Listener) {
  return {
    maxRequestBodySize: BODY_WALL_BYTES,
    development: false,
    routes: dotSegmentRoutes(),
    fetch: (request: Request, server: Bun.Server<undefined>) =>
      app.fetch(request, {
        listener,
        target: targetOf(request.url),
        remote: () => remoteOf(server.requestIP(request)),
        holdOpen: () => server.timeout(request, 0),
      }),
  }
}

/**
 * Bun resolves `..` in the path before anybody sees it, so that `PUT /v1/kv/a/../b` would write `b`. Its router, though,
 * matches the path as it came: these routes catch the segment at each depth and in each way that a URL may spell it.
 */
function dotSegmentRoutes(): Record<string, () => Response> {
  const refuse = () => consulText(400, "Invalid key: '..' is no part of a key")
  const routes: Record<string, () => Response> = {}
  for (let depth = 0; depth < KV_DOT_SEGMENTS_MAX; depth++) {
    const before = Array.from({ length: depth }, (_, i) => `:part${i}/`).join("")
    for (const dots of ["..", "%2e%2e", "%2E%2E", ".%2e", ".%2E", "%2e.", "%2E."]) {
      routes[`/v1/kv/${before}${dots}`] = refuse
      routes[`/v1/kv/${before}${dots}/*`] = refuse
    }
  }
  return routes
}

async function closeServer(server: Bun.Server<undefined>): Promise<void> {
  await Promise.race([server.stop(false), Bun.sleep(API_CLOSE_TIMEOUT_MS)])
  await server.stop(true)
}

/** A socket at which nobody listens is removed; whatever else is there stays, and is an error. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) {
    throw new OvlError("socket_path_taken", `cannot listen on ${path}: something that is no socket is there`, {
      kind: "conflict",
      hint: "remove it, or choose another --socket",
    })
  }
  if (await somebodyListens(path)) {
    throw new OvlError("socket_in_use", `cannot listen on ${path}: a daemon is listening there`, {
      kind: "conflict",
      hint: "each daemon needs a --run-dir of its own",
    })
  }
  rmSync(path, { force: true })
}

/** Only a refused connection proves that nobody does: a daemon with a full backlog fails otherwise. */
async function somebodyListens(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => {} } })
    socket.end()
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ECONNREFUSED"
  }
}

function giveToGroup(path: string): void {
  const group = process.getuid?.() === 0 ? groupId(SOCKET_GROUP) : null
  if (group !== null) chownSync(path, 0, group)
}

/** The number of a group in /etc/group (group(5)), or null where there is none. */
function groupId(name: string): number | null {
  try {
    const line = readFileSync("/etc/group", "utf8")
      .split("\n")
      .find((one) => one.startsWith(`${name}:`))
    const number = Number(line?.split(":")[2])
    return Number.isInteger(number) ? number : null
  } catch {
    return null
  }
}

function listenError(address: string, error: unknown): OvlError {
  const code = (error as NodeJS.ErrnoException).code
  if (code === "EADDRINUSE") {
    return new OvlError("port_in_use", `cannot listen on ${address}: the port is in use`, {
      kind: "conflict",
      hint: "choose another one with --http ADDR:PORT, or `--http off` for none",
      cause: error,
    })
  }
  const why = code === "EADDRNOTAVAIL" ? "this host has no such address" : messageOf(error)
  return new OvlError("address_unavailable", `cannot listen on ${address}: ${why}`, {
    hint: "choose another one with --http ADDR:PORT, or `--http off` for none",
    cause: error,
  })
}

/** Null where the client is gone, or never had an address. */
function remoteOf(client: Bun.SocketAddress | null): string {
  return client === null ? "unknown" : joinHostPort(client.address, client.port)
}

function joinHostPort(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
