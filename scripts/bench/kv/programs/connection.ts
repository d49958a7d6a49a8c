/** One kept HTTP connection with nothing in the way: one request at a time, written by hand, timed where it leaves. */

export interface Answer {
  status: number
  /** Of the headers, with their blank line, and the body as it came. */
  text: string
}

const HEAD_END = "\r\n\r\n"
const CHUNKS_END = "\r\n0\r\n\r\n"

export class Connection {
  #unsent = Buffer.alloc(0)
  #received = ""
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null
  #socket: Bun.Socket | null = null

  /** To a port of loopback. */
  static async open(port: number): Promise<Connection> {
    const connection = new Connection()
    connection.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => connection.#take(bytes),
        drain: () => connection.#flush(),
        close: () => connection.#settle?.reject(new Error("the server closed the connection")),
        error: (_, error) => connection.#settle?.reject(error),
      },
    })
    return connection
  }

  request(method: string, target: string, body = ""): Promise<Answer> {
    const head = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(body)}${HEAD_END}`
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#unsent = Buffer.from(head + body)
      this.#flush()
    })
  }

  /** As `request`; throws where the status is not 200. */
  async ask(method: string, target: string, body = ""): Promise<string> {
    const { status, text } = await this.request(method, target, body)
    if (status !== 200) throw new Error(`${method} ${target}: ${text}`)
    return text
  }

  close(): void {
    this.#settle = null
    this.#socket?.terminate()
  }

  #flush(): void {
    if (this.#unsent.length === 0) return
    const sent = this.#socket!.write(this.#unsent)
    this.#unsent = this.#unsent.subarray(Math.max(sent, 0))
  }

  #take(bytes: Buffer): void {
    this.#received += bytes.toString("latin1")
    const headEnd = this.#received.indexOf(HEAD_END)
    if (headEnd < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1]
    const complete =
      length === undefined
        ? this.#received.endsWith(CHUNKS_END)
        : this.#received.length >= headEnd + HEAD_END.length + Number(length)
    if (!complete) return
    const text = this.#received
    this.#received = ""
    const settle = this.#settle
    this.#settle = null
    settle?.resolve({ status: Number(text.slice(9, 12)), text })
  }
}

/** In ms, how long each of `count` requests took, one after the other. */
export async function timeEach(count: number, request: (index: number) => unknown): Promise<number[]> {
  const taken: number[] = []
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    await request(index)
    taken.push(performance.now() - start)
  }
  return taken
}
