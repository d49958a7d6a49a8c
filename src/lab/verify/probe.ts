/**
 * Questions over UDP between namespaces. A responder in a workload answers with the workload's name: so a check tells
 * who answered, which a ping cannot.
 */
import { OvlError } from "../../base/errors.ts"
import { isErrno } from "../../linux/errno.ts"
import { withNamespace } from "../../linux/namespaces.ts"

/** Below the range that the kernel gives out by itself, and of no service that is known. */
export const PROBE_PORT = 27_946

/** As many refusals may wait to be reported. */
const SEND_ATTEMPTS = 8

export interface Responder {
  close(): void
}

/**
 * Answers every question that comes to `address` in the namespace with `<name> <asker's address> <question>`; it is
 * also what the answers come from, so a host with several wants the one that is asked. Errors: probe_failed.
 */
export async function respond(netns: string, name: string, address = "0.0.0.0", port = PROBE_PORT): Promise<Responder> {
  const answer = (socket: Socket, question: Buffer, from: number, asker: string) =>
    trySend(socket, `${name} ${asker} ${question.toString()}`, asker, from)
  // An asker that has gone is reported here too; its question is answered all the same.
  const socket = { data: answer, error: () => {} }
  try {
    return await withNamespace(netns, () => Bun.udpSocket({ hostname: address, port, socket }))
  } catch (error) {
    throw new OvlError("probe_failed", `cannot listen on UDP port ${port} in ${name}: ${String(error)}`)
  }
}

export interface Answer {
  /** Who answered. */
  name: string
  /** The source address that the answerer saw. */
  seen: string
}

/** Asks once, `question` being what is sent; null when nobody answers in time. */
export async function ask(
  netns: string,
  address: string,
  question: string,
  timeoutMs: number,
  port = PROBE_PORT,
): Promise<Answer | null> {
  const { promise, resolve } = Promise.withResolvers<Answer | null>()
  const socket = await openSocket(netns, address, (text) => {
    const [name = "", seen = "", about = ""] = text.split(" ")
    if (about === question) resolve({ name, seen })
  })
  const timer = setTimeout(() => resolve(null), timeoutMs)
  try {
    // A refusal, such as no route, is an answer that does not come.
    trySend(socket, question, address, port)
    return await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

/** Sends datagrams from a namespace by the ordinary way, and does not wait for answers. */
export async function sendDatagrams(
  netns: string,
  datagrams: { address: string; port: number; data: string | Uint8Array }[],
): Promise<void> {
  const socket = await openSocket(netns, "", () => {})
  try {
    for (const { address, port, data } of datagrams) trySend(socket, data, address, port)
  } finally {
    socket.close()
  }
}

type Socket = Bun.udp.Socket<"buffer">

/** For words to `address`, whose family decides. */
function openSocket(netns: string, address: string, onText: (text: string) => void): Promise<Socket> {
  const socket = { data: (_: Socket, data: Buffer) => onText(data.toString()), error: () => {} }
  const hostname = address.includes(":") ? "::" : "0.0.0.0"
  return withNamespace(netns, () => Bun.udpSocket({ hostname, socket }))
}

/**
 * Sends unless there is no way. The kernel reports that some earlier asker has gone on the next call, which then sends
 * nothing: so once more.
 */
function trySend(socket: Socket, data: string | Uint8Array, address: string, port: number): void {
  for (let attempt = 0; attempt < SEND_ATTEMPTS; attempt++) {
    try {
      socket.send(data, port, address)
      return
    } catch (error) {
      if (!isErrno(error, "ECONNREFUSED")) return
    }
  }
}
