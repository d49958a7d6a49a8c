/**
 * The host's resolvers, as /etc/resolv.conf names them just now, asked from the host's own network namespace: what a
 * workload's network or its addresses look like makes no difference, and a resolver on the host's loopback is reached.
 */
import { statSync } from "node:fs"
import type { Clock } from "../base/clock.ts"
import { DNS_RESOLV_CONF_CHECK_MS, DNS_RESOLV_CONF_MAX_BYTES } from "../base/limits.ts"
import type { Way } from "../dns/answer.ts"
import type { Upstreams } from "../dns/forward.ts"
import { framed, Unframer } from "../dns/framing.ts"
import { parseResolvConf, type ResolvConf } from "../dns/resolv-conf.ts"
import { readIfThere } from "./files.ts"

const RESOLV_CONF = "/etc/resolv.conf"
const DNS_PORT = 53
/** Where the file names none, resolv.conf(5) has this one. */
const DEFAULT_SERVER = "127.0.0.1"

type Heard = (message: Uint8Array | null) => void

/** The host's resolv.conf; looked at again when it is wanted and some time has gone by. */
export class HostResolvConf {
  readonly #clock: Clock
  readonly #path: string
  #known: ResolvConf = { servers: [], search: [] }
  #stamp = ""
  #lookAgainAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, path: string = RESOLV_CONF) {
    this.#clock = clock
    this.#path = path
  }

  current(): ResolvConf {
    const now = this.#clock.monotonic()
    if (now >= this.#lookAgainAt) {
      this.#lookAgainAt = now + DNS_RESOLV_CONF_CHECK_MS
      this.#look()
    }
    return this.#known
  }

  #look(): void {
    const stat = statSync(this.#path, { throwIfNoEntry: false, bigint: true })
    const stamp = stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}` : ""
    if (stamp === this.#stamp && stamp !== "") return
    this.#stamp = stamp
    const text = stat && stat.size <= DNS_RESOLV_CONF_MAX_BYTES ? (readIfThere(this.#path) ?? "") : ""
    const { servers, search } = parseResolvConf(text)
    this.#known = { servers: servers.length > 0 ? servers : [DEFAULT_SERVER], search }
  }
}

export class HostResolvers implements Upstreams {
  readonly #conf: HostResolvConf

  constructor(conf: HostResolvConf) {
    this.#conf = conf
  }

  servers(): readonly string[] {
    return this.#conf.current().servers
  }

  /** A socket of its own for each question: the kernel gives it a port by chance, and lets in what the resolver sends. */
  ask(server: string, message: Uint8Array, way: Way, heard: Heard): () => void {
    return way === "udp" ? askByUdp(server, message, heard) : askByTcp(server, message, heard)
  }
}

function askByUdp(server: string, message: Uint8Array, heard: Heard): () => void {
  return asking(heard, async (tell) => {
    const socket = await Bun.udpSocket({
      binaryType: "uint8array",
      connect: { hostname: server, port: DNS_PORT },
      socket: { data: (_, data) => tell(data), error: () => tell(null) },
    })
    socket.send(message)
    return () => socket.close()
  })
}

function askByTcp(server: string, message: Uint8Array, heard: Heard): () => void {
  return asking(heard, async (tell) => {
    const unframer = new Unframer()
    const socket = await Bun.connect({
      hostname: server,
      port: DNS_PORT,
      socket: {
        data: (_, data) => {
          const messages = unframer.take(data)
          if (messages === null) tell(null)
          for (const each of messages ?? []) tell(each)
        },
        error: () => tell(null),
        close: () => tell(null),
        end: () => tell(null),
      },
    })
    // A question is far shorter than what a new connection takes at once.
    socket.write(framed(message))
    return () => void socket.terminate()
  })
}

/** What was opened is closed when it is not wanted any more, be that before it is open. */
function asking(heard: Heard, open: (tell: Heard) => Promise<() => void>): () => void {
  let isOver = false
  let close: (() => void) | null = null
  const tell: Heard = (message) => {
    if (!isOver) heard(message)
  }
  const opened = async () => {
    try {
      const closeOpened = await open(tell)
      if (isOver) closeOpened()
      else close = closeOpened
    } catch {
      tell(null)
    }
  }
  // A refusal may come at once, and is told later all the same.
  queueMicrotask(() => void opened())
  return () => {
    isOver = true
    close?.()
  }
}
