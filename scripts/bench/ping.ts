/**
 * A ping without a process: a raw ICMP socket that is opened once, inside a workload's namespace, and stays bound to it.
 * Sending is one system call. The kernel does the rest as for any program: route, ARP, Ethernet header.
 */
import { close, recv, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, sendto, socket } from "../../src/linux/libc.ts"
import { withNamespace } from "../../src/linux/namespaces.ts"

const AF_INET = 2
const IPPROTO_ICMP = 1
/** RFC 792. */
const ECHO_REQUEST = 8
const ECHO_REPLY = 0
const ECHO_BYTES = 64
/** So long the answer is awaited without pause, as a sleep would be longer than what is measured. */
const ATTENTIVE_MS = 20

export class Pinger {
  readonly #fd: number
  readonly #id = process.pid & 0xffff
  #sequence = 0

  constructor(namespace: string) {
    this.#fd = withNamespace(namespace, () => socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP))
  }

  /** Sends one echo request; true when it is answered within the time. It is not sent again. */
  async ping(address: string, timeoutMs: number): Promise<boolean> {
    this.#sequence = (this.#sequence + 1) & 0xffff
    const start = performance.now()
    sendto(this.#fd, echoRequest(this.#id, this.#sequence), socketAddress(address))
    for (;;) {
      if (this.#answered(address)) return true
      const waited = performance.now() - start
      if (waited > timeoutMs) return false
      if (waited > ATTENTIVE_MS) await Bun.sleep(1)
    }
  }

  /** True if the answer to the last request is among what has arrived. */
  #answered(address: string): boolean {
    const packet = new Uint8Array(2048)
    for (let length = recv(this.#fd, packet); length >= 0; length = recv(this.#fd, packet)) {
      const view = new DataView(packet.buffer, 0, length)
      const header = (view.getUint8(0) & 15) * 4
      if (length < header + 8 || packet.subarray(12, 16).join(".") !== address) continue
      const own = view.getUint16(header + 4) === this.#id && view.getUint16(header + 6) === this.#sequence
      if (view.getUint8(header) === ECHO_REPLY && own) return true
    }
    return false
  }

  close(): void {
    close(this.#fd)
  }
}

function echoRequest(id: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(ECHO_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, ECHO_REQUEST)
  view.setUint16(4, id)
  view.setUint16(6, sequence)
  view.setUint16(2, checksum(view))
  return bytes
}

/** RFC 1071, over an even number of bytes. */
function checksum(view: DataView): number {
  let sum = 0
  for (let at = 0; at < view.byteLength; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}

/** `struct sockaddr_in` of ip(7); the family is in the host's order. */
function socketAddress(address: string): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes[0] = AF_INET
  bytes.set(address.split(".").map(Number), 4)
  return bytes
}
