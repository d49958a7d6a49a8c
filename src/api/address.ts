/** The value of `--http`: an address and a port to listen on, or `off`. Pure, so that it is checked before anything starts. */
import { isIPv4, isIPv6 } from "node:net"
import { OvlError } from "../base/errors.ts"

export interface HttpAddress {
  hostname: string
  port: number
  /** Only this host can reach it. */
  loopback: boolean
}

/** Null for `off`. `localhost` is 127.0.0.1; other names are refused. Errors: http_address_invalid (usage). */
export function parseHttpAddress(text: string): HttpAddress | null {
  if (text === "off") return null
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const hostname = parts?.[1] ?? (parts?.[2] === "localhost" ? "127.0.0.1" : parts?.[2]) ?? ""
  const port = Number(parts?.[3])
  const known = parts?.[1] === undefined ? isIPv4(hostname) : isIPv6(hostname)
  if (!parts || !known || port > 65_535) {
    throw new OvlError("http_address_invalid", `HTTP address ${JSON.stringify(text)}: not ADDR:PORT`, {
      kind: "usage",
      hint: "such as 127.0.0.1:8500, [::1]:8500, or off",
    })
  }
  return { hostname, port, loopback: isLoopback(hostname) }
}

/** 127.0.0.0/8 and ::1 (RFC 6890). */
function isLoopback(address: string): boolean {
  return isIPv4(address) ? address.startsWith("127.") : new URL(`http://[${address}]/`).hostname === "[::1]"
}
