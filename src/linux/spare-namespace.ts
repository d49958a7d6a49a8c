/**
 * An empty network namespace kept ready: to make one takes the kernel longer than all else that a workload's namespace
 * needs, so the next is made while nobody waits. It is nothing but an open descriptor, and ends with this process.
 */
import { close } from "./libc.ts"
import { openNewNamespace, pinNamespace } from "./namespaces.ts"

export class SpareNamespace {
  #fd: number | null = null
  #closed = false

  /** Makes one where there is none. Errors: `not_permitted` without root. */
  prepare(): void {
    if (!this.#closed) this.#fd ??= openNewNamespace()
  }

  /** Pins it to `path`, a new file; false where none is ready. Throws `conflict` (EEXIST) if the file is there. */
  pin(path: string): boolean {
    if (this.#fd === null) return false
    pinNamespace(path, this.#fd)
    this.#drop()
    return true
  }

  /** Closing twice is allowed; none is made afterwards. */
  close(): void {
    this.#closed = true
    this.#drop()
  }

  #drop(): void {
    if (this.#fd !== null) close(this.#fd)
    this.#fd = null
  }
}
