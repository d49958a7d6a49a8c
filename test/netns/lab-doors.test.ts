/** A lab's proof knocks at the ports of other people's programs: politely, or they write of a broken connection. */
import { expect, test } from "bun:test"
import { createServer, type AddressInfo } from "node:net"
import { knock, openDoors } from "../../src/lab/verify/doors.ts"
import { describeAsRoot } from "../support/netns.ts"

const HERE = "/proc/self/ns/net"

describeAsRoot("knocking", () => {
  test("a door at an IPv6 address answers beside one that listens by IPv4", async () => {
    const port = 27_950
    const door = { netns: HERE, protocol: "tcp", port } as const
    const four = { ...door, name: "four", address: "0.0.0.0" }
    using _ = await openDoors([four, { ...door, name: "six", address: "::1" }])
    expect(await knock(HERE, "127.0.0.1", port, 2_000)).toBe("four")
    expect(await knock(HERE, "::1", port, 2_000)).toBe("six")
  })

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
