/**
 * Joining, the newcomer's side: finds a server of the cluster that the token speaks of, makes sure that it is that
 * cluster, and only then shows the token. The answer is the server's `join` method's business.
 *
 * Two connections to a server: the first only to get the authority's certificate, whose fingerprint the token holds;
 * the second trusts that authority and nothing else, so that the TLS library itself does the verifying.
 */
import { createHash } from "node:crypto"
import type { DetailedPeerCertificate } from "node:tls"
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { JOIN_SERVERS_MAX, JOIN_TIMEOUT_MS, PEER_CONNECT_TIMEOUT_MS } from "../base/limits.ts"
import { systemClock } from "../linux/system.ts"
import { parseAddress } from "./address.ts"
import { connectStranger, dial } from "./tls-connect.ts"
import { connectError } from "./tls-errors.ts"
import { parseToken } from "./tokens.ts"
import { JOIN_METHOD } from "./server-session.ts"

export interface JoinOptions {
  /** `host:port` of servers, tried in order. */
  servers: string[]
  token: string
  /** The params of the `join` call; the token is added to them as `token`. */
  request: Record<string, unknown>
  clock?: Clock
  /** For each attempt to connect. Default PEER_CONNECT_TIMEOUT_MS. */
  connectTimeoutMs?: number
  /** For the answer. Default JOIN_TIMEOUT_MS. */
  timeoutMs?: number
}

/**
 * Asks the servers, one after the other, to take this node in, and gives the answer of the first that answers. A server
 * that is reached and says no is the cluster's answer: its error is thrown as it is. One that cannot be reached, or is
 * of another cluster (`token_wrong_cluster`, kind forbidden: nothing secret was sent), makes room for the next; when
 * none is left, a single failure is thrown as it is, several as `join_failed` that names each.
 * Throws `token_malformed`, `address_malformed` or `servers_invalid` before anything is opened.
 */
export async function requestJoin(options: JoinOptions): Promise<unknown> {
  const { authority } = parseToken(options.token)
  if (options.servers.length === 0 || options.servers.length > JOIN_SERVERS_MAX) {
    throw new OvlError("servers_invalid", `join: from 1 to ${JOIN_SERVERS_MAX} servers can be named`, { kind: "usage" })
  }
  for (const address of options.servers) parseAddress(address)
  const failures: OvlError[] = []
  for (const address of options.servers) {
    const connection = await reach(address, authority, options).catch((thrown) => {
      failures.push(connectError(address, thrown))
      return null
    })
    if (connection === null) continue
    try {
      return await connection.call(
        JOIN_METHOD,
        { ...options.request, token: options.token.trim() },
        { timeoutMs: options.timeoutMs ?? JOIN_TIMEOUT_MS },
      )
    } catch (thrown) {
      if (!(thrown instanceof OvlError) || thrown.kind !== "unavailable") throw thrown
      failures.push(thrown)
    } finally {
      connection.close()
    }
  }
  throw combined(failures)
}

async function reach(address: string, authority: string, options: JoinOptions) {
  const { clock = systemClock, connectTimeoutMs: timeoutMs = PEER_CONNECT_TIMEOUT_MS } = options
  const ca = await dial({ address, timeoutMs, clock, tls: { rejectUnauthorized: false } }, (socket) => {
    const found = findAuthority(socket.getPeerCertificate(true), authority)
    if (found === null) throw wrongCluster(address)
    socket.destroy()
    return found
  })
  return await connectStranger({ address, ca, timeoutMs, clock })
}

/** A chain of ours has two certificates; one that goes on and on is not followed. */
const CHAIN_MAX_CERTIFICATES = 4

/** The certificate with that fingerprint in the chain which the server has shown, as PEM; or null. */
function findAuthority(chain: DetailedPeerCertificate, authority: string): string | null {
  let certificate: DetailedPeerCertificate | undefined = chain
  for (let depth = 0; certificate?.raw && depth < CHAIN_MAX_CERTIFICATES; depth++) {
    if (createHash("sha256").update(certificate.raw).digest("hex") === authority) {
      const base64 = certificate.raw.toString("base64")
      return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`
    }
    certificate = certificate.issuerCertificate
  }
  return null
}

function wrongCluster(address: string): OvlError {
  return new OvlError("token_wrong_cluster", `joining at ${address}: the token is for another cluster`, {
    kind: "forbidden",
    hint: "make a token on a server of the cluster to join: ovl token create",
  })
}

function combined(failures: OvlError[]): OvlError {
  const [first] = failures
  if (first !== undefined && failures.length === 1) return first
  const telling = failures.find((failure) => failure.kind !== "unavailable") ?? first
  return new OvlError("join_failed", `join: no server could be asked; ${failures.map((f) => f.message).join("; ")}`, {
    kind: telling?.kind ?? "unavailable",
    hint: telling?.hint ?? "",
    cause: failures,
  })
}
