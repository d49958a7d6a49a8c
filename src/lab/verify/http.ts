/** A GET over TCP inside a namespace, which `fetch` cannot do; so it is written by hand, as RFC 9112 has it. */
import { OvlError } from "../../base/errors.ts"
import { LAB_ANSWER_TIMEOUT_MS, LAB_HTTP_MAX_BYTES } from "../../base/limits.ts"
import { withNamespace } from "../../linux/namespaces.ts"

export interface HttpAnswer {
  status: number
  /** In lower case. */
  headers: Map<string, string>
  body: string
}

/** Errors: http_failed where nobody answers in time, or with what is no HTTP. */
export async function httpGet(netns: string, port: number, target: string): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const fail = (why: string) => reject(new OvlError("http_failed", `GET ${target}: ${why}`))
  const timer = setTimeout(() => fail("no answer"), LAB_ANSWER_TIMEOUT_MS)
  const chunks: Buffer[] = []
  let size = 0
  const handlers = {
    // HTTP/1.0: then the answer comes in one piece, and ends with the connection.
    open: (socket: Bun.Socket) => void socket.write(`GET ${target} HTTP/1.0\r\nHost: localhost:${port}\r\n\r\n`),
    data: (socket: Bun.Socket, chunk: Buffer) => {
      size += chunk.length
      if (size > LAB_HTTP_MAX_BYTES) return void socket.terminate()
      chunks.push(Buffer.from(chunk))
    },
    close: () => resolve(Buffer.concat(chunks).toString()),
    error: (_: Bun.Socket, error: Error) => fail(error.message),
    connectError: (_: Bun.Socket, error: Error) => fail(error.message),
  }
  withNamespace(netns, () => Bun.connect({ hostname: "127.0.0.1", port, socket: handlers })).catch((error) =>
    fail(String(error)),
  )
  try {
    return parseAnswer(await promise, target)
  } finally {
    clearTimeout(timer)
  }
}

function parseAnswer(text: string, target: string): HttpAnswer {
  const end = text.indexOf("\r\n\r\n")
  const [statusLine = "", ...lines] = text.slice(0, Math.max(end, 0)).split("\r\n")
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]
  if (end < 0 || !status) throw new OvlError("http_failed", `GET ${target}: the answer is no HTTP`)
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    }),
  )
  return { status: Number(status), headers, body: text.slice(end + 4) }
}
