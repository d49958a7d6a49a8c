import { expect, test } from "bun:test"
import { parseListeners, readListeners } from "./listeners.ts"

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2134 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 3301A8C0:8A2C 0101A8C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
`
const UDP6 = `   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000
   1: 0000000000000000FFFF00003301A8C0:0036 00000000000000000000000000000000:0000 07 00000000:00000000
   2: 000080FE00000000FF565AC6CE0D2AFE:0222 00000000000000000000000000000000:0000 07 00000000:00000000
`

test("what listens, and nothing that is a connection", () => {
  expect(parseListeners("tcp", TCP)).toEqual([
    { protocol: "tcp", address: "127.0.0.1", port: 8500 },
    { protocol: "tcp", address: null, port: 22 },
  ])
  expect(parseListeners("udp", UDP6)).toEqual([
    { protocol: "udp", address: null, port: 53 },
    { protocol: "udp", address: "192.168.1.51", port: 54 },
    { protocol: "udp", address: "fe80::c65a:56ff:fe2a:dce", port: 546 },
  ])
})

test("a socket of this process is among them", () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  expect(readListeners()).toContainEqual({ protocol: "tcp", address: "127.0.0.1", port: server.port })
  server.stop(true)
  expect(readListeners()).not.toContainEqual({ protocol: "tcp", address: "127.0.0.1", port: server.port })
})
