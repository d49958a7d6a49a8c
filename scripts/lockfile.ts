/**
 * Looks after package-lock.json. It must hold for any registry, so it records no download addresses; and it must list
 * every optional package of another platform, or `npm ci` refuses it: npm leaves out those that the registry at hand
 * happened not to have. `bun scripts/lockfile.ts --fix`, after `npm install`, puts both right.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

/** What npm writes of one package, as far as it matters here. */
export interface LockedPackage {
  version?: string
  resolved?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

export interface Lockfile {
  packages: Record<string, LockedPackage>
}

const SYSTEMS = ["linux", "darwin", "win32", "android", "freebsd"]
const PROCESSORS = ["x64", "arm64", "arm", "ia32", "ppc64", "riscv64", "s390x"]
const C_LIBRARIES = ["musl"]

export function lockfilePath(root: string): string {
  return join(root, "package-lock.json")
}

export function readLockfile(root: string): Lockfile {
  return JSON.parse(readFileSync(lockfilePath(root), "utf8"))
}

/** Optional packages that some package names and the lockfile has no entry for: name, exact version, who wants it. */
function gaps(lockfile: Lockfile): { name: string; version: string; dev: boolean }[] {
  return Object.values(lockfile.packages).flatMap((wanting) =>
    Object.entries(wanting.optionalDependencies ?? {})
      .filter(([name]) => lockfile.packages[`node_modules/${name}`] === undefined)
      .map(([name, version]) => ({ name, version, dev: wanting.dev === true })),
  )
}

/** What is wrong with the lockfile, one sentence each. */
export function lockfileProblems(lockfile: Lockfile): string[] {
  const addressed = Object.entries(lockfile.packages).filter(([, locked]) => locked.resolved !== undefined)
  return [
    ...addressed.map(([path]) => `package-lock.json: ${path} records a download address`),
    ...gaps(lockfile).map(({ name }) => `package-lock.json: ${name} is missing, npm ci would refuse`),
  ]
}

/**
 * The same lockfile without addresses and gaps. A platform package is named after its platform, and npm needs no more
 * than that to know that it is not for this one; its digest is not known here.
 */
export function repairLockfile(lockfile: Lockfile): Lockfile {
  const packages = { ...lockfile.packages }
  for (const { name, version, dev } of gaps(lockfile)) {
    const words = name.slice(name.lastIndexOf("/") + 1).split("-")
    const named = (known: string[]): string[] => words.filter((word) => known.includes(word))
    packages[`node_modules/${name}`] = {
      version,
      cpu: named(PROCESSORS),
      ...(dev ? { dev } : {}),
      ...(named(C_LIBRARIES).length > 0 ? { libc: named(C_LIBRARIES) } : {}),
      optional: true,
      os: named(SYSTEMS),
    }
  }
  const sorted = Object.keys(packages).sort((a, b) => a.localeCompare(b, "en"))
  const clean = sorted.map((path) => {
    const { resolved: _address, ...rest } = packages[path]!
    return [path, rest] as const
  })
  return { ...lockfile, packages: Object.fromEntries(clean) }
}

if (import.meta.main) {
  const root = resolve(import.meta.dir, "..")
  const lockfile = readLockfile(root)
  for (const problem of lockfileProblems(lockfile)) console.log(problem)
  if (process.argv.includes("--fix")) {
    writeFileSync(lockfilePath(root), `${JSON.stringify(repairLockfile(lockfile), null, 2)}\n`)
    console.log("package-lock.json: put right")
  } else process.exitCode = lockfileProblems(lockfile).length > 0 ? 1 : 0
}
