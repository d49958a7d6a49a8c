/** A lab's proof knocks at the ports of other people's programs: politely, or they write of a broken connection. */
import { expect, test } from "bun:test"
import { createServer, type AddressInfo } from "node:net"
import { knock } from "../../src/lab/verify/doors.ts"
import { describeAsRoot } from "../support/netns.ts"

const HERE = "/proc/self/ns/net"

describeAsRoot("knocking", () => {
  test("a server that waits for a question sees an end, not a break", async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const server = createServer((peer) => {
      peer.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"))
      peer.on("end", () => resolve("end"))
      peer.resume()
    })
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    try {
      expect(await knock(HERE, "127.0.0.1", (server.address() as AddressInfo).port, 2_000)).toBe("")
      expect(await promise).toBe("end")
    } finally {
      server.close()
    }
  })
})
