/** A TLS socket of node:tls as a wire. The socket queues without bound by itself; the channel watches how much. */
import type { TLSSocket } from "node:tls"
import type { OvlError } from "../base/errors.ts"
import type { Wire } from "./channel.ts"
import { connectError } from "./tls-errors.ts"

/** The socket has done its handshake. */
export function tlsWire(socket: TLSSocket, address: string): Wire {
  // Small messages matter here, and they are gathered before they are written.
  socket.setNoDelay(true)
  let failure: OvlError | undefined
  // Without a listener, an error on a socket that nobody looks at any more would end the process.
  socket.on("error", (error) => {
    failure = connectError(address, error)
  })
  return {
    address,
    write: (bytes, onWritten) => {
      if (!socket.writable) return
      socket.write(bytes, (error) => {
        if (!error) onWritten()
      })
    },
    pendingBytes: () => socket.writableLength,
    end: () => socket.end(),
    destroy: () => socket.destroy(),
    soon: (callback) => setImmediate(callback),
    attach: (onBytes, onGone) => {
      if (socket.destroyed) return onGone(failure)
      socket.on("data", onBytes)
      socket.once("close", () => onGone(failure))
    },
  }
}
