/** Who answers at a port during a proof: listeners by TCP and UDP that say whose they are, opened where nobody listens. */
import { OvlError } from "../../base/errors.ts"
import { LAB_ANSWER_TIMEOUT_MS } from "../../base/limits.ts"
import { isErrno } from "../../linux/errno.ts"
import { withNamespace } from "../../linux/namespaces.ts"
import { respond } from "./probe.ts"

export interface Door {
  netns: string
  /** Whose it is: what it answers with. */
  name: string
  protocol: "tcp" | "udp"
  /** What it listens at: all that is IPv4, or the IPv6 one that is asked. */
  address: string
  port: number
}

/** Where something listens already, that is what will answer. Nothing is left open when one of them fails. */
export async function openDoors(doors: readonly Door[]): Promise<Disposable> {
  const closers: (() => void)[] = []
  const close = () => {
    for (const closer of closers) closer()
  }
  try {
    for (const door of doors) {
      const closer = await openDoor(door)
      if (closer) closers.push(closer)
    }
  } catch (error) {
    close()
    throw error
  }
  return { [Symbol.dispose]: close }
}

async function openDoor({ netns, name, protocol, address, port }: Door): Promise<(() => void) | null> {
  if (protocol === "udp") {
    const responder = await respond(netns, name, address, port).catch(() => null)
    return responder && (() => responder.close())
  }
  try {
    const socket = {
      open: (peer: Bun.Socket) => void peer.end(`${name}\n`),
      data: () => {},
      error: () => {},
    }
    const listener = withNamespace(netns, () => Bun.listen({ hostname: address, port, socket }))
    return () => listener.stop(true)
  } catch (error) {
    if (isErrno(error, "EADDRINUSE") || (error as NodeJS.ErrnoException).code === "EADDRINUSE") return null
    throw new OvlError("probe_failed", `cannot listen on TCP port ${port} in ${name}: ${String(error)}`)
  }
}

/** What the first line at a TCP port is, "" where it says nothing at once; null where there is no connection. */
export function knock(netns: string, address: string, port: number, timeoutMs: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  let text = ""
  let isOpen = false
  const finish = () => resolve(isOpen ? text.trim() : null)
  const timer = setTimeout(finish, timeoutMs)
  const socket = {
    open: () => {
      isOpen = true
      // A server that waits for a question says nothing: that it took the call is enough.
      setTimeout(finish, LAB_ANSWER_TIMEOUT_MS / 4)
    },
    data: (_: Bun.Socket, chunk: Buffer) => {
      text += chunk.toString()
      finish()
    },
    close: finish,
    error: finish,
    connectError: finish,
  }
  const connection = withNamespace(netns, () => Bun.connect({ hostname: address, port, socket }))
  connection.catch(() => finish())
  return promise.finally(() => {
    clearTimeout(timer)
    connection.then((peer) => peer.end()).catch(() => {})
  })
}
