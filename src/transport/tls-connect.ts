/**
 * The connecting side over TLS. A server is known by its certificate - signed by the cluster's authority, of the role
 * server - and not by the address it was found at: nodes change those.
 */
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { PEER_CONNECT_TIMEOUT_MS } from "../base/limits.ts"
import { systemClock } from "../linux/system.ts"
import { parseAddress } from "./address.ts"
import { openSession } from "./client-session.ts"
import { identityOf } from "./identity.ts"
import { peerLimits } from "./limits.ts"
import type { ClusterIdentity, ConnectOptions, NodeCredentials, PeerConnection } from "./port.ts"
import { connectError, connectTimeout, wrongNode } from "./tls-errors.ts"
import { tlsWire } from "./tls-wire.ts"

export interface ConnectTlsOptions extends ConnectOptions {
  credentials: NodeCredentials
}

/**
 * Connects a member to a server. Rejects, with kind unavailable, when the server cannot be reached (`peer_refused`,
 * `peer_timeout`, `peer_unreachable`, `peer_unknown_host`, `peer_closed`, `peer_not_ovl`); with kind forbidden when it
 * is the wrong one (`peer_wrong_cluster`, `peer_not_server`, `peer_wrong_node`, `peer_certificate_expired`) or one side
 * refuses the other (`certificate_refused`, `not_member`, `wrong_cluster`, `wrong_recovery_epoch`, `wrong_protocol`).
 */
export function connectTls(options: ConnectTlsOptions): Promise<PeerConnection> {
  return connectWith(options, options.credentials, options.expect)
}

/** As `connectTls`, for who is no member yet: it has no certificate, and knows the authority only. */
export function connectStranger(options: Omit<ConnectOptions, "expect"> & { ca: string }): Promise<PeerConnection> {
  return connectWith(options, { ca: options.ca }, null)
}

async function connectWith(
  options: Omit<ConnectOptions, "expect">,
  credentials: Partial<NodeCredentials> & { ca: string },
  expect: ClusterIdentity | null,
): Promise<PeerConnection> {
  const { address, clock = systemClock, timeoutMs = PEER_CONNECT_TIMEOUT_MS } = options
  return await dial({ address, timeoutMs, clock, tls: { ...credentials, rejectUnauthorized: true } }, (socket) => {
    const peer = identityOf(socket.getPeerCertificate())
    if (peer?.role !== "server") throw notServer(address)
    if (options.nodeId !== undefined && options.nodeId !== peer.nodeId) throw wrongNode(address, peer.name)
    const limits = peerLimits(options.limits)
    return openSession({ wire: tlsWire(socket, address), identity: peer, expect, limits, clock })
  })
}

export interface DialOptions {
  address: string
  timeoutMs: number
  clock: Clock
  tls: ConnectionOptions
}

/**
 * Opens a TLS 1.3 connection and, once the handshake is done, does `then` with it, all within the time given. When any
 * of it fails the socket is gone. Host names in certificates are not looked at.
 */
export function dial<T>(options: DialOptions, then: (socket: TLSSocket) => T | Promise<T>): Promise<T> {
  const { address, timeoutMs, clock } = options
  const { host, port } = parseAddress(address)
  return new Promise<T>((resolve, reject) => {
    const socket = connect({ ...options.tls, host, port, minVersion: "TLSv1.3", checkServerIdentity: () => undefined })
    const fail = (thrown: unknown) => {
      cancelTimer()
      reject(connectError(address, thrown))
      socket.destroy()
    }
    const cancelTimer = clock.after(timeoutMs, () => fail(connectTimeout(address, timeoutMs)))
    const closedEarly = () => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" }))
    // Stays: an error on a socket that nobody listens to would end the process.
    socket.on("error", fail)
    socket.once("close", closedEarly)
    socket.once("secureConnect", async () => {
      // From here on the wire looks after both.
      socket.off("close", closedEarly)
      try {
        const result = await then(socket)
        cancelTimer()
        resolve(result)
      } catch (thrown) {
        fail(thrown)
      }
    })
  })
}

function notServer(address: string): OvlError {
  return new OvlError("peer_not_server", `connecting to ${address}: it is a node, but no server`, {
    kind: "forbidden",
    hint: "give the address of a server",
  })
}
