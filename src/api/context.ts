/**
 * What the application knows of a request beyond the request itself: through which door it came and what it asked for
 * before anything was decoded. The listener says both; nothing in the request can.
 */

/** `peer` is a request that another node, of this name, forwarded over mutual TLS. */
export type Listener =
  | { kind: "unix" }
  | { kind: "tcp"; loopback: boolean; scheme: "http" | "https" }
  | { kind: "peer"; node: string }

export interface Bindings {
  listener: Listener
  /** Path and query as they came, not decoded. */
  target: string
  /** Address and port of a TCP client, while the request lasts. */
  remote(): string
  /** Lets the request stay silent for longer than the listener's idle timeout. */
  holdOpen(): void
}

export interface AppEnv {
  Bindings: Bindings
}

/** What stands behind every listener: the Hono application, with the quick way for single keys in front of it. */
export interface Application {
  fetch(request: Request, bindings: Bindings): Response | Promise<Response>
}

/** The path of a target, still encoded. */
export function pathOf(target: string): string {
  const query = target.indexOf("?")
  return query < 0 ? target : target.slice(0, query)
}

/** The query of a target without its question mark, still encoded; empty where there is none. */
export function queryOf(target: string): string {
  const query = target.indexOf("?")
  return query < 0 ? "" : target.slice(query + 1)
}

/**
 * Path and query of what Bun.serve gives as `request.url`: an absolute URL whose path it has already resolved (`..`,
 * `\`), or the bare target where the request named no usable host.
 */
export function targetOf(url: string): string {
  if (url.startsWith("/")) return url
  const scheme = url.indexOf("://")
  const path = scheme < 0 ? -1 : url.indexOf("/", scheme + 3)
  return path < 0 ? "/" : url.slice(path)
}
