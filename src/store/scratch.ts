/** A scratch on disk: what comes in before it is known to be wanted, such as a snapshot that is still being checked. */
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import type { OvlError } from "../base/errors.ts"
import type { Scratch } from "./backend.ts"

/** A file that means nothing after a restart; the one that was left by a crash is written over. */
export class ScratchFile implements Scratch {
  readonly #path: string
  readonly #fd: number
  readonly #explain: (thrown: unknown) => OvlError
  #length = 0

  constructor(path: string, explain: (thrown: unknown) => OvlError) {
    this.#path = path
    this.#explain = explain
    try {
      this.#fd = openSync(path, "w+", 0o600)
    } catch (thrown) {
      throw explain(thrown)
    }
  }

  append(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done)
    } catch (thrown) {
      throw this.#explain(thrown)
    }
    this.#length += bytes.length
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#length - offset)))
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#fd, bytes, done, bytes.length - done, offset + done)
      if (count === 0) throw this.#explain(new Error("the scratch file was cut off"))
      done += count
    }
    return bytes
  }

  discard(): void {
    closeSync(this.#fd)
    rmSync(this.#path, { force: true })
  }
}
