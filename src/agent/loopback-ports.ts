/**
 * Published ports on ::1. The kernel lets no packet for ::1 in but by `lo` (ip6_rcv_core in net/ipv6/ip6_input.c), and has
 * nothing like IPv4's route_localnet, so what is asked there cannot be translated: the daemon listens, and passes on.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram"
import { connect, createServer, type Server, type Socket } from "node:net"
import {
  LOOPBACK_FLOWS_MAX,
  LOOPBACK_FLOW_IDLE_MS,
  LOOPBACK_CONNECTIONS_PER_PORT_MAX,
  LOOPBACK_PORTS_MAX,
} from "../base/limits.ts"
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import { ANY_IPV6, IPV6_LOOPBACK } from "../model/port-mapping.ts"
import type { PublishedPort } from "../model/dataplane.ts"

interface Door {
  close(): void
}

interface Place {
  protocol: "tcp" | "udp"
  port: number
  to: { host: string; port: number }
}

export interface LoopbackPortsOptions {
  clock: Clock
  log: Log
}

export class LoopbackPorts {
  readonly #o: LoopbackPortsOptions
  readonly #doors = new Map<string, Door>()
  /** What the log knows already, so that it hears once of each trouble: places, and that there are too many. */
  readonly #told = new Set<string>()
  #toldTooMany = false

  constructor(options: LoopbackPortsOptions) {
    this.#o = options
  }

  /** Listens for these, and for nothing else any more. A port that somebody has is tried again with the next call. */
  follow(published: readonly PublishedPort[]): void {
    const places = published.flatMap(placesOf)
    const wanted = new Map(places.slice(0, LOOPBACK_PORTS_MAX).map((place) => [keyOf(place), place]))
    const tooMany = places.length > LOOPBACK_PORTS_MAX
    if (tooMany && !this.#toldTooMany)
      this.#o.log.warn("not all published ports answer on ::1", { ports: places.length, most: LOOPBACK_PORTS_MAX })
    this.#toldTooMany = tooMany
    for (const key of this.#told) if (!wanted.has(key)) this.#told.delete(key)
    for (const [key, door] of this.#doors) if (!wanted.has(key)) this.#close(key, door)
    for (const [key, place] of wanted) if (!this.#doors.has(key)) this.#open(key, place)
  }

  close(): void {
    for (const [key, door] of this.#doors) this.#close(key, door)
  }

  #close(key: string, door: Door): void {
    this.#doors.delete(key)
    door.close()
  }

  #open(key: string, place: Place): void {
    const failed = (error: Error) => {
      const door = this.#doors.get(key)
      if (door) this.#close(key, door)
      if (this.#told.has(key)) return
      this.#told.add(key)
      this.#o.log.warn("a published port does not answer on ::1", { port: place.port, why: error.message })
    }
    this.#doors.set(key, place.protocol === "tcp" ? openTcp(place, failed) : openUdp(place, this.#o.clock, failed))
  }
}

function keyOf({ protocol, port, to }: Place): string {
  return `${protocol} ${port} ${to.host} ${to.port}`
}

function placesOf({ protocol, address, hostPort, port, count, to6 }: PublishedPort): Place[] {
  if (!to6 || (address !== null && address !== ANY_IPV6 && address !== IPV6_LOOPBACK)) return []
  return Array.from({ length: count }, (_, n) => ({ protocol, port: hostPort + n, to: { host: to6, port: port + n } }))
}

function openTcp({ port, to }: Place, failed: (error: Error) => void): Door {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on("error", () => other.destroy())
      one.on("close", () => {
        sockets.delete(one)
        if (!one.readableEnded) other.destroy()
      })
      one.pipe(other)
    }
  })
  server.maxConnections = LOOPBACK_CONNECTIONS_PER_PORT_MAX
  server.on("error", failed)
  server.listen({ host: IPV6_LOOPBACK, port })
  return {
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

interface Flow {
  socket: UdpSocket
  cancel: () => void
}

/** Each asker has a socket of its own towards the workload, until both have been silent for a while. */
function openUdp({ port, to }: Place, clock: Clock, failed: (error: Error) => void): Door {
  const flows = new Map<string, Flow>()
  const near = createSocket("udp6")
  const end = (key: string) => {
    const flow = flows.get(key)
    flows.delete(key)
    flow?.cancel()
    flow?.socket.close()
  }
  const touch = (key: string, flow: Flow) => {
    flow.cancel()
    flow.cancel = clock.after(LOOPBACK_FLOW_IDLE_MS, () => end(key))
  }
  const flowOf = (key: string, who: RemoteInfo): Flow | null => {
    const known = flows.get(key)
    if (known) return known
    if (flows.size >= LOOPBACK_FLOWS_MAX) return null
    const flow: Flow = { socket: createSocket("udp6"), cancel: () => {} }
    flow.socket.on("message", (answer, from) => {
      // It hears on all of the host's addresses: whoever finds its port could else speak in the workload's name.
      if (from.address !== to.host || from.port !== to.port) return
      touch(key, flow)
      near.send(answer, who.port, who.address)
    })
    // Nobody listens there: as with any datagram, nobody is told.
    flow.socket.on("error", () => end(key))
    flows.set(key, flow)
    return flow
  }
  near.on("message", (question, who) => {
    const key = `${who.address} ${who.port}`
    const flow = flowOf(key, who)
    if (flow === null) return
    touch(key, flow)
    flow.socket.send(question, to.port, to.host)
  })
  near.on("error", failed)
  near.bind({ address: IPV6_LOOPBACK, port, exclusive: true })
  return {
    close() {
      for (const key of [...flows.keys()]) end(key)
      near.close()
    },
  }
}
