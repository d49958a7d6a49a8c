/** `ovl lab down`: takes a lab apart and leaves nothing of it, whatever state it was in. */
import { OvlError } from "../base/errors.ts"
import { kill } from "../linux/libc.ts"
import { isNamespace } from "../linux/namespaces.ts"
import { isMountPoint } from "../linux/mounts.ts"
import { processesInNamespace } from "../linux/process.ts"
import { selfCommand } from "../linux/self.ts"
import { stopDaemon } from "./daemons.ts"
import { releasePinMount } from "./hosts.ts"
import { knownLabs, LabPlaces } from "./places.ts"
import { listPinned } from "./state.ts"
import { unwireUnderlay } from "./underlay.ts"
import type { Progress } from "./up.ts"

const SIGKILL = 9

/** Errors: lab_not_found. */
export async function labDown(lab: string, progress: Progress): Promise<void> {
  const places = new LabPlaces(lab)
  if (!knownLabs().includes(lab))
    throw new OvlError("lab_not_found", `no lab ${lab}`, { kind: "not_found", hint: "`ovl lab ls` lists them" })
  const hosts = listPinned(places)
  progress("nodes")
  await Promise.all(hosts.map((host) => takeDownHost(places, host)))
  progress("hosts and cables")
  unwireUnderlay(places)
  for (const host of hosts) killAll(places, host)
  releasePinMount(places)
  places.remove()
}

/** The node's own `ovl down`, run inside the host: it stops the daemon and the workloads, and empties the kernel. */
async function takeDownHost(places: LabPlaces, host: string): Promise<void> {
  if (isMountPoint(places.pin(host, "mnt"))) {
    const child = Bun.spawn(selfCommand(["__lab-exec", places.lab, host, ...selfCommand(["down"])]), {
      stdio: ["ignore", "ignore", "ignore"],
    })
    await child.exited
  }
  await stopDaemon(places, host)
}

/** What was started by hand inside the host and still runs there would keep it alive. */
function killAll(places: LabPlaces, host: string): void {
  const path = places.pin(host, "net")
  if (!isNamespace(path)) return
  for (const pid of processesInNamespace(path)) kill(pid, SIGKILL)
}
