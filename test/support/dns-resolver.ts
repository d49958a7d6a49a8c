/**
 * A resolver for tests, a program of its own: `bun dns-resolver.ts ADDRESS RCODE LOG`. Each name is at 192.0.2.77; with an
 * RCODE other than 0 that is the answer to everything, with -1 there is none. Each question is a line in LOG.
 */
import { appendFileSync } from "node:fs"
import { readable } from "../../src/dns/fixture.ts"
import { framed, Unframer } from "../../src/dns/framing.ts"

const [address = "", rcode = "0", log = ""] = process.argv.slice(2)

function answer(query: Uint8Array, way: string): Uint8Array | null {
  const [, asks = ""] = readable(query).split("; ")
  appendFileSync(log, `${asks.replace("?", "")} ${way}\n`)
  if (Number(rcode) < 0) return null
  const reply = rcode === "0" && asks.endsWith(" A?") ? withAddress(query) : new Uint8Array(query)
  reply[2] = 0x81
  reply[3] = 0x80 | Number(rcode)
  return reply
}

/** Only the question is taken over. */
function withAddress(query: Uint8Array): Uint8Array {
  let end = 12
  while (query[end] !== 0) end += query[end]! + 1
  const record = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77]
  const bytes = new Uint8Array([...query.subarray(0, end + 5), ...record])
  bytes[7] = 1
  bytes[11] = 0
  return bytes
}

Bun.listen({
  hostname: address,
  port: 53,
  socket: {
    data: (socket, data) => {
      for (const each of new Unframer().take(data) ?? []) {
        const reply = answer(each, "tcp")
        if (reply) socket.write(framed(reply))
      }
    },
  },
})
void Bun.udpSocket({
  hostname: address,
  port: 53,
  socket: {
    data: (socket, data, port, from) => {
      const reply = answer(data, "udp")
      if (reply) socket.send(reply, port, from)
    },
  },
}).then(() => console.log("listening"))
