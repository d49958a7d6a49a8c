import { expect, test } from "bun:test"
import { HttpConnection, NoAnswer, readAnswer } from "./http.ts"

test("an answer is read when all of it is there", () => {
  const whole = "HTTP/1.1 404 Not Found\r\nX-Consul-Index: 7\r\nContent-Length: 3\r\n\r\nabc"
  expect(readAnswer(Buffer.from(whole.slice(0, -1)))).toBeNull()
  const answer = readAnswer(Buffer.from(whole))!
  expect([answer.status, answer.headers.get("x-consul-index"), answer.body]).toEqual([404, "7", "abc"])
})

test("one in chunks is put together", () => {
  const whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
  expect(readAnswer(Buffer.from(whole.slice(0, -4)))).toBeNull()
  expect(readAnswer(Buffer.from(whole))!.body).toBe("abcde")
})

/** What became of one request: its status, or whether it may have happened. */
async function outcome(connection: HttpConnection): Promise<string> {
  try {
    return String((await connection.request({ method: "PUT", target: "/", body: "x" }, 200)).status)
  } catch (error) {
    return error instanceof NoAnswer && error.mayHaveHappened ? "unknown" : "did not happen"
  }
}

test("what was refused at the door did not happen; what got no answer may have", async () => {
  const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const { port } = closed
  const silent = new HttpConnection({ namespace: null, port })
  expect(await outcome(silent)).toBe("unknown")
  closed.stop(true)
  expect(await outcome(silent)).toBe("did not happen")
})

test("a connection is used again, and opened again when it was lost", async () => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => new Response(await request.text()),
  })
  const connection = new HttpConnection({ namespace: null, port: server.port! })
  expect([await outcome(connection), await outcome(connection)]).toEqual(["200", "200"])
  connection.close()
  expect(await outcome(connection)).toBe("200")
  connection.close()
  await server.stop(true)
})
