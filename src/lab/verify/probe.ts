/**
 * Questions over UDP between namespaces. A responder in a workload answers with the workload's name: so a check tells
 * who answered, which a ping cannot.
 */
import { withNamespace } from "../../linux/namespaces.ts"

/** Any port would do: the namespaces are the lab's own. */
export const PROBE_PORT = 7946

export interface Responder {
  close(): void
}

/** Answers every question in the namespace with `<name> <asker's address>`. */
export async function respond(netns: string, name: string): Promise<Responder> {
  return withNamespace(netns, () =>
    Bun.udpSocket({
      hostname: "0.0.0.0",
      port: PROBE_PORT,
      socket: { data: (socket, _question, port, address) => void socket.send(`${name} ${address}`, port, address) },
    }),
  )
}

export interface Answer {
  /** Who answered. */
  name: string
  /** The source address that the answerer saw. */
  seen: string
}

/** Asks once; null when nobody answers in time. */
export async function ask(netns: string, address: string, timeoutMs: number): Promise<Answer | null> {
  let settle: (answer: Answer | null) => void = () => {}
  const answered = new Promise<Answer | null>((resolve) => {
    settle = resolve
  })
  const socket = await withNamespace(netns, () =>
    Bun.udpSocket({
      hostname: "0.0.0.0",
      socket: {
        data: (_socket, data) => {
          const [name = "", seen = ""] = data.toString().split(" ")
          settle({ name, seen })
        },
        error: () => settle(null),
      },
    }),
  )
  const timer = setTimeout(() => settle(null), timeoutMs)
  try {
    socket.send("who", PROBE_PORT, address)
    return await answered
  } catch {
    return null
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}
