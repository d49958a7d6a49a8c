/**
 * How a client hears of a server that has moved. Clients find servers by the addresses that they know; where all of those
 * are gone - the only server was renumbered - it is the server that still knows the clients'. It knocks: it opens a
 * connection to where the client listens, and says nothing. The client takes no word for it: it only tries whether a
 * server answers where the knock came from, and a server is known by its certificate.
 */
import type { Log } from "../base/log.ts"
import { asOvlError } from "../base/errors.ts"
import { bareIp } from "../model/address.ts"
import { formatAddress, parseAddress } from "../transport/address.ts"

export interface KnocksOptions {
  bind: { host: string; port: number }
  /** `ADDR:PORT` of the servers that are known. */
  servers: () => readonly string[]
  /** Told where a server may be. */
  onKnock: (addresses: string[]) => void
  log: Log
}

/** Listens until it is closed. A port that is taken is no reason not to run: then nobody can knock. */
export function listenForKnocks({ bind, servers, onKnock, log }: KnocksOptions): { close: () => void } {
  try {
    const listener = Bun.listen({
      hostname: bind.host,
      port: bind.port,
      socket: {
        open: (socket) => {
          const from = socket.remoteAddress
          socket.terminate()
          onKnock(whereToLook(from, servers()))
        },
        data: (socket) => void socket.terminate(),
        error: (socket) => void socket.terminate(),
      },
    })
    return { close: () => listener.stop(true) }
  } catch (error) {
    log.warn("a server that gets another address cannot tell this node", {
      bind: formatAddress(bind),
      why: asOvlError(error).message,
    })
    return { close: () => {} }
  }
}

/** A host that has another address has the ports that it had. */
export function whereToLook(from: string, servers: readonly string[]): string[] {
  const host = bareIp(from.replace(/^::ffff:(?=\d+\.)/, ""))
  return [...new Set(servers.map((server) => parseAddress(server).port))].map((port) => formatAddress({ host, port }))
}
