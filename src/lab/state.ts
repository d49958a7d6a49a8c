/** Which labs there are, which hosts each has, and which of those run. */
import { existsSync, readdirSync } from "node:fs"
import { daemonPid } from "./daemons.ts"
import { knownLabs, LabPlaces } from "./places.ts"
import { SWITCH } from "./underlay.ts"

export interface LabView {
  name: string
  hosts: { name: string; daemon: number | null }[]
}

/** The hosts that have a pinned network namespace; the switch is none. */
export function listPinned(places: LabPlaces): string[] {
  if (!existsSync(places.namespaces)) return []
  return readdirSync(places.namespaces)
    .filter((file) => file.endsWith(".net"))
    .map((file) => file.slice(0, -".net".length))
    .filter((name) => name !== SWITCH)
    .sort()
}

export function labList(): LabView[] {
  return knownLabs().map((name) => {
    const places = new LabPlaces(name)
    return { name, hosts: listPinned(places).map((host) => ({ name: host, daemon: daemonPid(places, host) })) }
  })
}
