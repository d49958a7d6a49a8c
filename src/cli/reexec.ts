/**
 * Bun unpacks the LMDB addon into `$BUN_TMPDIR`, and reads that variable only when a process starts. So the daemon
 * starts itself once more with a directory of its own there: by `execve`, so that the process stays the same one for
 * whoever supervises it. /tmp may be missing, full, or mounted noexec, and must not matter.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs"
import { join } from "node:path"
import { OvlError } from "../base/errors.ts"
import { UNPACK_MIN_BYTES } from "../base/limits.ts"

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
  const dir = firstUsable(candidates, (path) => {
    const { bavail, bsize } = statfsSync(path)
    return { flags: statfs(path).flags, freeBytes: bavail * bsize }
  })
  const words = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(1, -1)
  const environment: Record<string, string> = { BUN_TMPDIR: dir }
  for (const [name, value] of Object.entries(env)) if (value !== undefined) environment[name] = value
  execProgram([process.execPath, ...words], environment)
}

/** What a file system says of itself: ST_* flags, and the bytes that may still be written. */
export interface FileSystemFacts {
  flags: number
  freeBytes: number
}

/** Exported for tests: the first directory from which a library can be loaded, made if it is missing. */
export function firstUsable(candidates: readonly string[], factsOf: (path: string) => FileSystemFacts): string {
  const reasons: string[] = []
  const made: string[] = []
  let noexec = false
  for (const dir of candidates) {
    try {
      if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined) made.push(dir)
      removeUnpacked(dir)
      const why = whyNot(factsOf(dir))
      if (why === null) return dir
      noexec ||= why === NOEXEC
      reasons.push(`${dir} is ${why}`)
    } catch (error) {
      reasons.push(`${dir}: ${(error as NodeJS.ErrnoException).code ?? error}`)
    }
  }
  for (const dir of made) rmSync(dir, { recursive: true, force: true })
  throw new OvlError(
    noexec ? "tmp_noexec" : "tmp_unusable",
    `cannot start: no directory to unpack a library into: ${reasons.join(", ")}`,
    {
      hint: "make room there, mount one of them read-write and with exec, or choose others with --run-dir or --data-dir",
    },
  )
}

const NOEXEC = "mounted noexec"

function whyNot({ flags, freeBytes }: FileSystemFacts): string | null {
  if ((flags & ST_NOEXEC) !== 0) return NOEXEC
  if ((flags & ST_RDONLY) !== 0) return "mounted read-only"
  return freeBytes < UNPACK_MIN_BYTES ? "full" : null
}

/** What an earlier start, perhaps of another version, left there: each is some megabytes. */
function removeUnpacked(dir: string): void {
  for (const name of readdirSync(dir)) if (name.startsWith(".bun-")) rmSync(join(dir, name), { force: true })
}
