/**
 * Bun unpacks the LMDB addon into `$BUN_TMPDIR`, and reads that variable only when a process starts. So the daemon
 * starts itself once more with a directory of its own there: by `execve`, so that the process stays the same one for
 * whoever supervises it. /tmp may be missing, full, or mounted noexec, and must not matter.
 */
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"

const ST_RDONLY = 1
const ST_NOEXEC = 8

/**
 * Returns in the process that has its directory; in the other one it does not return. The directory is below the run
 * directory, or below the data directory where the first is mounted noexec. Throws `tmp_noexec`, `tmp_unusable`.
 */
export async function ensureOwnTmp(runDir: string, dataDir: string): Promise<void> {
  const { BUN_TMPDIR: present, ...env } = process.env
  const candidates = [join(runDir, "tmp"), join(dataDir, "tmp")]
  if (present !== undefined && candidates.includes(present)) {
    // Has been read; what this process starts need not know of it.
    delete process.env.BUN_TMPDIR
    return
  }
  const { statfs } = await import("../linux/libc.ts")
  const { execProgram } = await import("../linux/process.ts")
  const dir = firstUsable(candidates, statfs)
  const words = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(1, -1)
  const environment: Record<string, string> = { BUN_TMPDIR: dir }
  for (const [name, value] of Object.entries(env)) if (value !== undefined) environment[name] = value
  execProgram([process.execPath, ...words], environment)
}

/** Exported for tests: the first directory in which a program could be executed, made if it is missing. */
export function firstUsable(candidates: readonly string[], statfs: (path: string) => { flags: number }): string {
  const reasons: string[] = []
  let noexec = false
  for (const dir of candidates) {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      const { flags } = statfs(dir)
      if ((flags & (ST_NOEXEC | ST_RDONLY)) === 0) return dir
      noexec ||= (flags & ST_NOEXEC) !== 0
      reasons.push(`${dir} is mounted ${(flags & ST_NOEXEC) !== 0 ? "noexec" : "read-only"}`)
    } catch (error) {
      reasons.push(`${dir}: ${(error as NodeJS.ErrnoException).code ?? error}`)
    }
  }
  const code = noexec ? "tmp_noexec" : "tmp_unusable"
  throw new OvlError(code, `cannot start: no directory to unpack a library into: ${reasons.join(", ")}`, {
    hint: "mount one of them read-write and with exec, or choose others with --run-dir or --data-dir",
  })
}
