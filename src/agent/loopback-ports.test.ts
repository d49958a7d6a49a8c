/** Over this machine's own ::1, from one port of it to another. */
import { createSocket } from "node:dgram"
import { connect, createServer } from "node:net"
import { afterEach, expect, test } from "bun:test"
import { LOOPBACK_PORTS_MAX } from "../base/limits.ts"
import { lineLog, silentLog } from "../base/log.ts"
import { systemClock } from "../linux/system.ts"
import { LoopbackPorts } from "./loopback-ports.ts"

const HOST = "::1"
const open: { close(): void }[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

const loopback = (log = silentLog) => {
  const made = new LoopbackPorts({ clock: systemClock, log })
  open.push(made)
  return made
}
const published = (protocol: "tcp" | "udp", hostPort: number, port: number, address: string | null = null) => [
  { protocol, address, hostPort, port, count: 1, to: "172.18.0.2", to6: HOST },
]

/** Says back what it was told, once it was told all. */
async function echo(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = []
    socket.on("data", (part) => parts.push(Buffer.from(part)))
    socket.on("end", () => socket.end(Buffer.concat(parts)))
  })
  open.push(server)
  await new Promise<void>((done) => server.listen({ host: HOST, port: 0 }, done))
  return portOf(server.address())
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen({ host: HOST, port: 0 }, done))
  const port = portOf(server.address())
  await new Promise((done) => server.close(done))
  return port
}

function portOf(address: unknown): number {
  return (address as { port: number }).port
}

function ask(port: number, text: string): Promise<string> {
  return new Promise((answer) => {
    let heard = ""
    const socket = connect({ host: HOST, port, allowHalfOpen: true }, () => socket.end(text))
    socket.on("data", (part) => {
      heard += part.toString()
    })
    socket.on("error", (error) => answer(`${(error as NodeJS.ErrnoException).code}`))
    socket.on("end", () => answer(heard))
  })
}

test("a connection is passed on, both ways and to its end", async () => {
  const [port, to] = [await freePort(), await echo()]
  const ports = loopback()
  ports.follow(published("tcp", port, to))
  const much = "x".repeat(3_000_000)
  expect(await ask(port, "hello")).toBe("hello")
  expect(await ask(port, much)).toBe(much)
  // What stays published goes on, and what is no more is shut.
  ports.follow(published("tcp", port, to))
  expect(await ask(port, "again")).toBe("again")
  ports.follow([])
  expect(await ask(port, "hello")).toBe("ECONNREFUSED")
  ports.follow(published("tcp", port, to, "::1"))
  expect(await ask(port, "hello")).toBe("hello")
})

test("other addresses are not its business, nor workloads without IPv6", async () => {
  const [port, to] = [await freePort(), await echo()]
  const ports = loopback()
  ports.follow([...published("tcp", port, to, "127.0.0.1"), ...published("tcp", port, to, "2001:db8::1")])
  expect(await ask(port, "hello")).toBe("ECONNREFUSED")
  ports.follow([{ ...published("tcp", port, to)[0]!, to6: null }])
  expect(await ask(port, "hello")).toBe("ECONNREFUSED")
})

test("where nobody listens, the connection ends", async () => {
  const [port, nobody] = [await freePort(), await freePort()]
  loopback().follow(published("tcp", port, nobody))
  expect(await ask(port, "hello")).toMatch(/^(ECONNRESET|)$/)
})

test("a port that somebody has is left to him, and tried again", async () => {
  const to = await echo()
  const other = createServer()
  await new Promise<void>((done) => other.listen({ host: HOST, port: 0 }, done))
  const port = portOf(other.address())
  const ports = loopback()
  ports.follow(published("tcp", port, to))
  await new Promise((done) => setImmediate(done))
  await new Promise((done) => other.close(done))
  ports.follow(published("tcp", port, to))
  expect(await ask(port, "hello")).toBe("hello")
})

test("what stands in the way is told once, however often it is tried again", async () => {
  const told: string[] = []
  const log = lineLog(
    (line) => told.push(line),
    "warn",
    () => "",
  )
  const other = createServer()
  open.push(other)
  await new Promise<void>((done) => other.listen({ host: HOST, port: 0 }, done))
  const taken = published("tcp", portOf(other.address()), 80)
  const many = Array.from({ length: LOOPBACK_PORTS_MAX + 1 }, () => taken[0]!)
  const ports = loopback(log)
  for (let n = 0; n < 3; n++) {
    ports.follow(taken)
    await new Promise((done) => setImmediate(done))
  }
  expect(told.map((line) => line.includes("does not answer on ::1"))).toEqual([true])
  // Withdrawn and published again, it is news again.
  ports.follow([])
  ports.follow(taken)
  await new Promise((done) => setImmediate(done))
  expect(told.length).toBe(2)
  for (let n = 0; n < 2; n++) ports.follow(many)
  expect(told.filter((line) => line.includes("not all published ports")).length).toBe(1)
})

test("datagrams are passed on, each asker hears his own answer", async () => {
  const server = createSocket("udp6")
  open.push(server)
  server.on("message", (text, who) => server.send(`${text}!`, who.port, who.address))
  await new Promise<void>((done) => server.bind({ address: HOST, port: 0 }, done))
  const port = await freePort()
  loopback().follow(published("udp", port, server.address().port))
  const hears = (text: string) =>
    new Promise<string>((answer) => {
      const socket = createSocket("udp6")
      open.push(socket)
      socket.on("message", (said) => answer(said.toString()))
      socket.send(text, port, HOST)
    })
  expect(await Promise.all([hears("one"), hears("two")])).toEqual(["one!", "two!"])
})

test("only the workload's answers are passed back", async () => {
  const [server, stranger] = [createSocket("udp6"), createSocket("udp6")]
  open.push(server, stranger)
  // Whoever finds the port by which the workload is asked could else speak in its name.
  server.on("message", (_, { port, address }) =>
    stranger.send("forged", port, address, () => server.send("answer", port, address)),
  )
  await new Promise<void>((done) => server.bind({ address: HOST, port: 0 }, done))
  const port = await freePort()
  loopback().follow(published("udp", port, server.address().port))
  const asker = createSocket("udp6")
  open.push(asker)
  const heard = new Promise<string>((answer) => asker.on("message", (said) => answer(said.toString())))
  asker.send("question", port, HOST)
  expect(await heard).toBe("answer")
})
