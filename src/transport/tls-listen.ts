/**
 * The listening side over mutual TLS. The TLS layer asks for a certificate and lets everyone through; what decides is
 * here: a certificate that verifies against the cluster's authority gives an identity, none leaves only `join` open,
 * any other is refused and told so.
 */
import { createServer, type TLSSocket } from "node:tls"
import { OvlError } from "../base/errors.ts"
import { systemClock } from "../linux/system.ts"
import { formatAddress } from "./address.ts"
import { type Arrival, Hub } from "./hub.ts"
import { identityOf } from "./identity.ts"
import type { ListenOptions, NodeCredentials, PeerListener } from "./port.ts"
import { certificateRefused, listenError } from "./tls-errors.ts"
import { tlsWire } from "./tls-wire.ts"

export interface ListenTlsOptions extends ListenOptions {
  host: string
  /** 0: one that is free. */
  port: number
  credentials: NodeCredentials
}

/** Listens for peers. Rejects with `port_in_use`, `address_not_local`, `port_forbidden` or `listen_failed`. */
export async function listenTls(options: ListenTlsOptions): Promise<PeerListener> {
  const { host, port, credentials } = options
  const hub = new Hub(options, options.clock ?? systemClock)
  const arrivals = new WeakMap<object, Arrival>()
  const server = createServer({
    // The authority goes along, so that a joiner can tell by its token whether it is the right one.
    cert: `${credentials.cert.trim()}\n${credentials.ca.trim()}\n`,
    key: credentials.key,
    ca: credentials.ca,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
  })
  server.on("connection", (socket) => {
    const arrival = hub.arrive(() => socket.destroy())
    if (arrival === null) return socket.destroy()
    arrivals.set(socket, arrival)
    socket.once("close", () => arrival.gone())
  })
  server.on("secureConnection", (socket) => {
    const arrival = arrivals.get(socket)
    if (arrival === undefined) socket.destroy()
    else begin(socket, arrival)
  })
  server.on("tlsClientError", (error, socket) => {
    options.log?.debug("handshake failed", { address: remoteOf(socket), reason: error.message })
    socket.destroy()
  })
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, host, () => {
        server.off("error", reject)
        resolve()
      })
    })
  } catch (thrown) {
    throw listenError(formatAddress({ host, port }), thrown)
  }
  server.on("error", (error) => options.log?.error("listening failed", { reason: error.message }))
  const bound = server.address()
  let closed: Promise<void> | undefined
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    disconnect: (nodeId) => hub.disconnect(nodeId),
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        hub.close()
      })
      return closed
    },
  }
}

function begin(socket: TLSSocket, arrival: Arrival): void {
  const wire = tlsWire(socket, remoteOf(socket))
  const certificate = socket.getPeerCertificate()
  const shown = certificate !== null && certificate !== undefined && Object.keys(certificate).length > 0
  const peer = shown ? identityOf(certificate) : null
  if (!shown) arrival.serve(wire, null)
  else if (!socket.authorized) arrival.refuse(wire, certificateRefused(String(socket.authorizationError)))
  else if (peer === null) arrival.refuse(wire, foreignCertificate())
  else arrival.serve(wire, peer)
}

function foreignCertificate(): OvlError {
  return new OvlError("certificate_refused", "the certificate of this node was refused: it names no node", {
    kind: "forbidden",
    hint: "only certificates that a join has given are accepted",
  })
}

function remoteOf(socket: TLSSocket): string {
  return formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 })
}
