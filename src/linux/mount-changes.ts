/**
 * Whether anything was mounted or unmounted in this mount namespace since the last question: one call, however many
 * mounts there are. The kernel marks an open mountinfo for those who poll it (proc_pid_mounts(5)).
 */
import { closeSync, openSync } from "node:fs"
import { poll, POLLERR, POLLPRI } from "./libc.ts"

export class MountChanges {
  #fd: number | null

  constructor() {
    try {
      this.#fd = openSync("/proc/thread-self/mountinfo", "r")
    } catch {
      this.#fd = null
    }
  }

  /** True where it cannot be told, too. */
  read(): boolean {
    if (this.#fd === null) return true
    return (poll(this.#fd, POLLPRI, 0) & (POLLERR | POLLPRI)) !== 0
  }

  /** Closing twice is allowed. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }
}
