/**
 * The ears of one network: UDP and TCP port 53 of a gateway address, in the network's hidden namespace. The sockets are
 * opened between two changes of namespace and live on the event loop of this process; no port of a workload is taken.
 */
import type { Clock } from "../base/clock.ts"
import {
  DNS_CLIENTS_PER_WINDOW_MAX,
  DNS_CONNECTION_BACKLOG_MAX_BYTES,
  DNS_CONNECTION_IDLE_S,
  DNS_CONNECTION_QUESTIONS_MAX,
  DNS_CONNECTIONS_MAX,
  DNS_CONNECTIONS_PER_CLIENT_MAX,
  DNS_QUESTION_MAX_BYTES,
  DNS_QUESTIONS_PER_WINDOW_MAX,
  DNS_WINDOW_MS,
} from "../base/limits.ts"
import type { Way } from "../dns/answer.ts"
import { framed, Unframer } from "../dns/framing.ts"
import { withNamespace } from "../linux/namespaces.ts"

const DNS_PORT = 53

/** Answers a message from an address; `reply` is called once, or never. */
export type Answering = (address: string, message: Uint8Array, way: Way, reply: (message: Uint8Array) => void) => void

interface Connection {
  address: string
  unframer: Unframer
  /** Questions that have no answer yet. */
  open: number
  /** Answers that the other side has not taken yet. */
  backlog: Uint8Array
}

type TcpSocket = Bun.Socket<Connection>

export interface ListenerOptions {
  netns: string
  address: string
  answer: Answering
  clock: Clock
}

export type Listen = (options: ListenerOptions) => Promise<{ close: () => void }>

/** Listens until it is closed. Throws what the system says where it cannot, as for an address that is not there. */
export const listen: Listen = async ({ netns, address, answer, clock }) => {
  const limit = new RateLimit(clock)
  const connections = new Connections(answer)
  // Both are bound before the first await: the promise brings no more than the handle.
  const opened = withNamespace(netns, () => {
    const tcp = Bun.listen<Connection>({ hostname: address, port: DNS_PORT, socket: connections.handlers })
    try {
      const udp = Bun.udpSocket({
        hostname: address,
        port: DNS_PORT,
        binaryType: "uint8array",
        socket: {
          data: (socket, message, port, from) => {
            if (!limit.admits(from)) return
            answer(from, message, "udp", (reply) => void socket.send(reply, port, from))
          },
          error: () => {},
        },
      })
      return { tcp, udp }
    } catch (error) {
      tcp.stop(true)
      throw error
    }
  })
  let isClosed = false
  const udp = await opened.udp
  return {
    close: () => {
      if (isClosed) return
      isClosed = true
      udp.close()
      opened.tcp.stop(true)
      connections.close()
    },
  }
}

/** So many questions in each stretch of time from each address: one that floods must not take the daemon's whole time. */
class RateLimit {
  readonly #clock: Clock
  readonly #counts = new Map<string, number>()
  #until = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  admits(address: string): boolean {
    const now = this.#clock.monotonic()
    if (now >= this.#until) {
      this.#until = now + DNS_WINDOW_MS
      this.#counts.clear()
    }
    const count = (this.#counts.get(address) ?? 0) + 1
    if (count === 1 && this.#counts.size >= DNS_CLIENTS_PER_WINDOW_MAX) return false
    this.#counts.set(address, count)
    return count <= DNS_QUESTIONS_PER_WINDOW_MAX
  }
}

/** What is connected by TCP. One that asks too much, reads too little or says nothing is closed. */
class Connections {
  readonly #answer: Answering
  readonly #all = new Set<TcpSocket>()

  constructor(answer: Answering) {
    this.#answer = answer
  }

  readonly handlers: Bun.SocketHandler<Connection> = {
    open: (socket) => this.#opened(socket),
    data: (socket, data) => this.#received(socket, data),
    drain: (socket) => this.#flush(socket),
    timeout: (socket) => void socket.terminate(),
    close: (socket) => void this.#all.delete(socket),
    error: (socket) => void socket.terminate(),
  }

  close(): void {
    for (const socket of this.#all) socket.terminate()
    this.#all.clear()
  }

  #opened(socket: TcpSocket): void {
    const address = socket.remoteAddress
    socket.data = { address, unframer: new Unframer(DNS_QUESTION_MAX_BYTES), open: 0, backlog: new Uint8Array(0) }
    let same = 0
    for (const { data } of this.#all) if (data.address === address) same++
    if (this.#all.size >= DNS_CONNECTIONS_MAX || same >= DNS_CONNECTIONS_PER_CLIENT_MAX) return void socket.terminate()
    this.#all.add(socket)
    socket.timeout(DNS_CONNECTION_IDLE_S)
  }

  #received(socket: TcpSocket, piece: Uint8Array): void {
    const connection = socket.data
    const messages = connection.unframer.take(piece)
    if (messages === null) return void socket.terminate()
    // What is not a whole question yet does not keep the connection: bytes that drip in must not hold it for ever.
    if (messages.length > 0) socket.timeout(DNS_CONNECTION_IDLE_S)
    for (const message of messages) {
      if (connection.open >= DNS_CONNECTION_QUESTIONS_MAX) return void socket.terminate()
      connection.open++
      this.#answer(connection.address, message, "tcp", (reply) => {
        connection.open--
        this.#send(socket, framed(reply))
      })
    }
  }

  #send(socket: TcpSocket, bytes: Uint8Array): void {
    if (!this.#all.has(socket)) return
    const { data } = socket
    if (data.backlog.length + bytes.length > DNS_CONNECTION_BACKLOG_MAX_BYTES) return void socket.terminate()
    data.backlog = data.backlog.length === 0 ? bytes : Buffer.concat([data.backlog, bytes])
    this.#flush(socket)
  }

  #flush(socket: TcpSocket): void {
    const { data } = socket
    if (data.backlog.length === 0) return
    const written = socket.write(data.backlog)
    if (written < 0) return void socket.terminate()
    data.backlog = data.backlog.subarray(written)
  }
}
