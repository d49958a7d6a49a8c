/** Single pings from inside a namespace, without a program for each: what is sent is sent once, and answers are noted. */
import {
  close,
  MSG_DONTWAIT,
  recv,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockopt,
  socket,
} from "../../src/linux/libc.ts"
import { withNamespace } from "../../src/linux/namespaces.ts"
import { echoRequest } from "./frames.ts"

const AF_INET = 2
const IPPROTO_ICMP = 1
const ICMP_ECHO_REPLY = 0
/** Of what a raw socket receives: the header of IPv4 comes first. */
const ICMP_AT = 20
const BUFFER_BYTES = 4 << 20

export class Pinger {
  readonly #fd: number
  readonly #asked = new Map<number, string>()
  readonly #answered = new Set<number>()
  readonly #into = Buffer.alloc(2_048)

  /** `namespace`: its path as this process sees it. */
  constructor(namespace: string) {
    this.#fd = withNamespace(namespace, () => socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP))
    setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
  }

  /** Sends one echo request, at once. */
  ping(address: string): void {
    const sequence = this.#asked.size
    this.#asked.set(sequence, address)
    const target = Buffer.alloc(16)
    target.writeUInt16LE(AF_INET, 0)
    target.set(address.split(".").map(Number), 4)
    sendto(this.#fd, echoRequest("first", sequence), target)
    this.#drain()
  }

  /** Who has been asked and has not answered by now. */
  unanswered(): string[] {
    this.#drain()
    return [...this.#asked].filter(([sequence]) => !this.#answered.has(sequence)).map(([, address]) => address)
  }

  #drain(): void {
    for (;;) {
      const length = recv(this.#fd, this.#into, MSG_DONTWAIT)
      if (length < ICMP_AT + 8) return
      if (this.#into[ICMP_AT] === ICMP_ECHO_REPLY) this.#answered.add(this.#into.readUInt16BE(ICMP_AT + 6))
    }
  }

  close(): void {
    close(this.#fd)
  }
}
