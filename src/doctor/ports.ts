/** The ports that a node needs, and who has them. */
import { VXLAN_PORT } from "../base/limits.ts"
import { type PortHolder, portHolders } from "../linux/port-holders.ts"
import { parseHttpAddress } from "../api/address.ts"
import { parseAddress } from "../transport/address.ts"
import { type Check, type Finding, failed, ok } from "./check.ts"
import type { Patient } from "./patient.ts"

export const ports: Check = {
  name: "ports",
  look(patient): Finding[] {
    const { http, bind } = patient.options
    const pid = patient.daemonPid()
    const wanted = [
      ...(isClient(patient)
        ? []
        : [
            {
              protocol: "tcp",
              port: parseAddress(bind).port,
              what: "other nodes",
              option: "--bind ADDR:PORT",
            } as const,
          ]),
      ...(http === null
        ? []
        : [
            {
              protocol: "tcp",
              port: parseHttpAddress(http)?.port ?? 0,
              what: "the API",
              option: "--http ADDR:PORT",
            } as const,
          ]),
    ]
    return [
      ...wanted.map(({ protocol, port, what, option }) =>
        portFinding({ protocol, port, what }, portHolders(protocol, port), pid, `or choose another with ${option}`),
      ),
      vxlanPort(pid),
    ]
  },
}

function vxlanPort(daemon: number | null): Finding {
  const wanted = { protocol: "udp", port: VXLAN_PORT, what: "VXLAN" } as const
  return portFinding(wanted, portHolders("udp", VXLAN_PORT), daemon, "the overlay's port cannot be another one")
}

/** Only servers are listened to by others; what cannot be read may be one. */
function isClient(patient: Patient): boolean {
  try {
    return patient.identity()?.role === "client"
  } catch {
    return false
  }
}

/** Exported for tests. */
export function portFinding(
  { protocol, port, what }: { protocol: "tcp" | "udp"; port: number; what: string },
  holders: readonly PortHolder[],
  daemon: number | null,
  otherwise: string,
): Finding {
  const name = `port ${port}/${protocol}`
  const others = holders.filter(({ kernel, pid }) => !kernel && (pid === null || pid !== daemon))
  if (others.length > 0) {
    const who = [...new Set(others.map(describe))].join(", ")
    // Without root, the daemon's own sockets look like anybody's.
    if (daemon !== null && others.every(({ pid }) => pid === null)) return ok(`taken, most likely by the daemon`, name)
    return failed(`taken by ${who}: ${what} cannot have it`, `stop it, ${otherwise}`, name)
  }
  if (holders.some(({ kernel }) => kernel)) return ok("the kernel's, for VXLAN devices", name)
  return ok(holders.length > 0 ? `the daemon's (pid ${daemon}), for ${what}` : `free, for ${what}`, name)
}

function describe({ pid, program }: PortHolder): string {
  return pid === null ? "a program that only root can see" : `${program ?? "a program"} (pid ${pid})`
}
