/**
 * What ovl must know to leave the host as it was: values that sysctls had before, tables and a mount that were not
 * there. Kept in one small file below the run directory, written before each change it speaks of, so that a crash
 * between the two loses nothing.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { z } from "zod"
import { OvlError } from "../base/errors.ts"
import { isErrno } from "../linux/errno.ts"

const factsSchema = z.object({
  /** Sysctl key to the value before ovl. */
  sysctls: z.record(z.string(), z.string()).default({}),
  /** iptables tables that did not exist before ovl, as `4/filter`. */
  tables: z.array(z.string()).default([]),
  /** Rules were made for IPv6. */
  ipv6Rules: z.boolean().default(false),
  /** /run/netns was made a mount point by ovl. */
  netnsDirectory: z.boolean().default(false),
})
export type RememberedFacts = z.infer<typeof factsSchema>

export class Remembered {
  private facts: RememberedFacts | undefined

  /** `file`: its path; the directory is made when there is something to write. */
  constructor(private readonly file: string) {}

  /** Errors: `state_unreadable` when the file is there and cannot be understood. */
  read(): Readonly<RememberedFacts> {
    this.facts ??= this.load()
    return this.facts
  }

  private load(): RememberedFacts {
    try {
      return factsSchema.parse(JSON.parse(readFileSync(this.file, "utf8")))
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return factsSchema.parse({})
      throw new OvlError("state_unreadable", `${this.file}: ${error instanceof Error ? error.message : error}`, {
        hint: "it says what the host's settings were before ovl; restore it, or remove it and set them by hand",
        cause: error,
      })
    }
  }

  /** Changes the facts and writes them; the file is gone when there is nothing to remember. */
  change(edit: (facts: RememberedFacts) => void): void {
    const facts = structuredClone(this.read()) as RememberedFacts
    edit(facts)
    const empty =
      Object.keys(facts.sysctls).length === 0 && facts.tables.length === 0 && !facts.ipv6Rules && !facts.netnsDirectory
    if (empty) rmSync(this.file, { force: true })
    else {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 })
      writeFileSync(`${this.file}.new`, `${JSON.stringify(facts)}\n`, { mode: 0o600 })
      renameSync(`${this.file}.new`, this.file)
    }
    this.facts = facts
  }
}
