/** A DNS client that asks from inside any namespace, and a resolver that says what it was asked. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { framed, Unframer } from "../../src/dns/framing.ts"
import { type QuestionOptions, question, readable, type TypeName } from "../../src/dns/fixture.ts"
import { withNamespace } from "../../src/linux/namespaces.ts"
import type { Machine } from "./machine.ts"

export interface AskOptions extends QuestionOptions {
  way?: "udp" | "tcp"
  timeoutMs?: number
}

/** Asks a server from inside a namespace; the answer as text (`readable`), `silence` where none comes. */
export async function ask(
  netns: string,
  server: string,
  name: string,
  type: TypeName = "A",
  options: AskOptions = {},
): Promise<string> {
  const answer = await exchange(netns, server, question(name, type, options), options)
  return answer === null ? "silence" : readable(answer)
}

/** Sends bytes; the message that comes back, or null where none does, or the connection is refused or closed. */
export async function exchange(
  netns: string,
  server: string,
  message: Uint8Array,
  { way = "udp", timeoutMs = 5_000 }: Pick<AskOptions, "way" | "timeoutMs"> = {},
): Promise<Uint8Array | null> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | null>()
  const timer = setTimeout(() => resolve(null), timeoutMs)
  const close =
    way === "udp" ? await sendByUdp(netns, server, message, resolve) : sendByTcp(netns, server, message, resolve)
  const answer = await promise
  clearTimeout(timer)
  close()
  return answer
}

type Heard = (message: Uint8Array | null) => void

async function sendByUdp(netns: string, server: string, message: Uint8Array, heard: Heard): Promise<() => void> {
  const socket = await withNamespace(netns, () =>
    Bun.udpSocket({
      connect: { hostname: server, port: 53 },
      socket: { data: (_, data) => heard(data), error: () => heard(null) },
    }),
  )
  socket.send(message)
  return () => socket.close()
}

function sendByTcp(netns: string, server: string, message: Uint8Array, heard: Heard): () => void {
  const unframer = new Unframer()
  const connecting = withNamespace(netns, () =>
    Bun.connect({
      hostname: server,
      port: 53,
      socket: {
        open: (socket) => void socket.write(framed(message)),
        data: (_, data) => {
          for (const each of unframer.take(data) ?? []) heard(each)
        },
        error: () => heard(null),
        close: () => heard(null),
      },
    }),
  )
  connecting.catch(() => heard(null))
  return () => void connecting.then((socket) => socket.terminate()).catch(() => {})
}

export interface TestResolver {
  /** `NAME TYPE WAY` of each question so far, in order. */
  asked(): string[]
  close(): Promise<void>
}

const RESOLVER_PROGRAM = join(import.meta.dir, "dns-resolver.ts")

/** A resolver on a machine: see dns-resolver.ts for `rcode`. It writes down what it is asked in `directory`. */
export async function startResolver(
  machine: Machine,
  directory: string,
  address: string,
  rcode = 0,
): Promise<TestResolver> {
  const log = join(directory, `asked-${machine.name}-${address}`)
  writeFileSync(log, "")
  const program = machine.start([process.execPath, RESOLVER_PROGRAM, address, String(rcode), log])
  await program.says("listening")
  return {
    asked: () => readFileSync(log, "utf8").split("\n").filter(Boolean),
    close: async () => {
      program.signal("SIGKILL")
      await program.ended
    },
  }
}
