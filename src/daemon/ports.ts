/**
 * Whether the daemon's ports can be had, asked before anything is made: a start that fails for want of one must not
 * leave a new cluster behind, nor a member that nobody can use.
 */
import { createServer } from "node:net"
import { OvlError } from "../base/errors.ts"

/** One place to listen at, and the option that chose it. */
export interface WantedPort {
  option: "--bind" | "--http"
  host: string
  port: number
}

/** Errors: port_in_use (conflict), address_not_local (invalid), port_unusable. */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  for (const each of wanted) await checkPort(each)
}

async function checkPort({ option, host, port }: WantedPort): Promise<void> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen({ host, port, exclusive: true }, resolve)
    })
  } catch (cause) {
    throw refusal(option, host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, cause)
  }
  await new Promise<void>((resolve) => server.close(() => resolve()))
}

function refusal(option: WantedPort["option"], address: string, cause: unknown): OvlError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === "EADDRINUSE")
    return new OvlError("port_in_use", `cannot listen on ${address}: the port is in use`, {
      kind: "conflict",
      hint: `stop what uses it, or choose another with ${option} ADDR:PORT`,
      cause,
    })
  if (code === "EADDRNOTAVAIL")
    return new OvlError("address_not_local", `cannot listen on ${address}: this host has no such address`, {
      kind: "invalid",
      hint: `give ${option} one of its own`,
      cause,
    })
  return new OvlError("port_unusable", `cannot listen on ${address}: ${message}`, {
    hint: `choose another with ${option} ADDR:PORT`,
    cause,
  })
}
