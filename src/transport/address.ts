/** Addresses as people write them: `192.168.1.51:8300`, `[fd00::1]:8300`, `host.example:8300`. */
import { OvlError } from "../base/errors.ts"

export interface HostPort {
  host: string
  port: number
}

/** Takes `host:port` apart. Throws `address_malformed` (kind usage). */
export function parseAddress(text: string): HostPort {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-zA-Z:.%]+)\]|([^[\]:\s]+)):([0-9]{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) {
    throw new OvlError("address_malformed", `address ${text}: it is not of the form HOST:PORT`, {
      kind: "usage",
      hint: "for example 192.168.1.51:8300, or [fd00::1]:8300",
    })
  }
  return { host, port }
}

export function formatAddress({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}
