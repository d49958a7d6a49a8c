/** `ovl lab down`: takes a lab apart and leaves nothing of it, whatever state it was in. */
import { LAB_STOP_TIMEOUT_MS } from "../base/limits.ts"
import { isMountPoint } from "../linux/mounts.ts"
import { selfCommand } from "../linux/self.ts"
import { plainEnvironment, stopDaemon } from "./daemons.ts"
import { listPinned, releasePinMount } from "./hosts.ts"
import { lockLab } from "./lock.ts"
import { LabPlaces } from "./places.ts"
import { endProcesses } from "./processes.ts"
import { chooseLab } from "./state.ts"
import { unwireUnderlay } from "./underlay/apply.ts"
import type { Progress } from "./progress.ts"

/** Errors: lab_not_found, lab_busy (conflict), lab_inside, lab_processes_left. */
export async function labDown(lab: string, progress: Progress): Promise<void> {
  const places = new LabPlaces(chooseLab(lab))
  const lock = lockLab(places)
  try {
    const hosts = listPinned(places)
    progress("nodes")
    const outside = places.topology()?.outside.name
    await Promise.all(hosts.filter((host) => host !== outside).map((host) => takeDownNode(places, host)))
    await endProcesses(places, hosts)
    progress("hosts and cables")
    unwireUnderlay(places)
    releasePinMount(places)
    places.remove()
  } finally {
    lock.release()
  }
}

/**
 * Several at once. One that fails keeps no other from going: its error is thrown when all are over, as the program ends
 * with it. Errors: those of `labDown`.
 */
export async function labsDown(labs: readonly string[], progress: Progress, takeApart = labDown): Promise<void> {
  const over = await Promise.allSettled(labs.map((lab) => takeApart(lab, (step) => progress(`${lab}: ${step}`))))
  for (const each of over) if (each.status === "rejected") throw each.reason
}

/**
 * The node's own `ovl down`, run inside the host: it stops the daemon and the workloads, and empties the kernel. Where
 * it cannot, because the host is half made, there is little to take down, and it goes with the namespaces.
 */
async function takeDownNode(places: LabPlaces, host: string): Promise<void> {
  if (isMountPoint(places.pin(host, "mnt"))) {
    const child = Bun.spawn(selfCommand(["__lab-exec", places.lab, host, "ovl", "down"]), {
      stdio: ["ignore", "ignore", "ignore"],
      cwd: "/",
      env: plainEnvironment(),
      timeout: LAB_STOP_TIMEOUT_MS,
      killSignal: "SIGKILL",
    })
    await child.exited
  }
  await stopDaemon(places, host)
}
