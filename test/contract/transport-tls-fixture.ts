/** Certificates and a breakable path for the tests that use real TLS. Made once: keys take time. */
import { createServer, type Socket, connect as tcpConnect } from "node:net"
import { type Authority, createAuthority, createKeyAndRequest, signRequest } from "../../src/transport/certificates.ts"
import type { NodeCredentials, PeerIdentity } from "../../src/transport/port.ts"

let authorities: Promise<{ ours: Authority; theirs: Authority }> | undefined
const made = new Map<string, Promise<NodeCredentials>>()

/** Two authorities: the cluster's own, and that of another. */
export function testAuthorities(): Promise<{ ours: Authority; theirs: Authority }> {
  authorities ??= Promise.all([createAuthority(), createAuthority()]).then(([ours, theirs]) => ({ ours, theirs }))
  return authorities
}

export function credentialsOf(
  identity: PeerIdentity,
  signedBy: "ours" | "theirs",
  days = 30,
): Promise<NodeCredentials> {
  const key = JSON.stringify([identity, signedBy, days])
  const known = made.get(key)
  if (known) return known
  const making = makeCredentials(identity, signedBy, days)
  made.set(key, making)
  return making
}

async function makeCredentials(
  identity: PeerIdentity,
  signedBy: "ours" | "theirs",
  days: number,
): Promise<NodeCredentials> {
  const authority = (await testAuthorities())[signedBy]
  const { keyPem, csrPem } = await createKeyAndRequest(identity)
  const cert = await signRequest(authority, csrPem, { ...identity, days })
  return { cert, key: keyPem, ca: authority.certPem }
}

/** Passes bytes to a port of this host, until it is told to hold them back. */
export async function byteProxy(target: number) {
  const sockets = new Set<Socket>()
  const server = createServer((inner) => {
    const outer = tcpConnect(target, "127.0.0.1")
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from)
      from.on("error", () => {})
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    freeze: () => {
      for (const socket of sockets) socket.unpipe().pause()
    },
    thaw: () => {
      const [inner, outer] = [...sockets]
      if (inner && outer) {
        inner.pipe(outer)
        outer.pipe(inner)
      }
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
