/**
 * The only other programs that ovl runs: `iptables-save` and `iptables-restore`, which speak both to the kernel's old
 * tables and to nf_tables, and are what administrators look at. No shell is involved.
 */
import { existsSync } from "node:fs"
import { OvlError } from "../../base/errors.ts"
import { IPTABLES_LOCK_WAIT_SECONDS, IPTABLES_TIMEOUT_MS } from "../../base/limits.ts"
import type { Family } from "./rules.ts"

/** Where they are even if a daemon was started with a poor PATH. */
const DIRECTORIES = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"]

/** Errors: `no_iptables`. */
function locate(program: string): string {
  const found = Bun.which(program) ?? DIRECTORIES.map((dir) => `${dir}/${program}`).find(existsSync)
  if (found) return found
  throw new OvlError("no_iptables", `firewall: ${program} is not installed`, {
    hint: "install it: apt-get install iptables (or your distribution's package of that name)",
  })
}

function programName(family: Family, verb: "save" | "restore"): string {
  return `${family === 4 ? "iptables" : "ip6tables"}-${verb}`
}

export function hasIptables(family: Family): boolean {
  try {
    locate(programName(family, "save"))
    locate(programName(family, "restore"))
    return true
  } catch {
    return false
  }
}

/** Once found it stays, so it is asked for once. */
const familiesWithNat = new Set<Family>()

/** Whether the kernel has a table `nat` of this family: the old back end needs a module for it. */
export function hasNat(family: Family): boolean {
  if (familiesWithNat.has(family)) return true
  try {
    run(programName(family, "save"), ["-t", "nat"], "")
    familiesWithNat.add(family)
    return true
  } catch (error) {
    if (error instanceof OvlError) return false
    throw error
  }
}

/**
 * True if all rules are nf_tables': then the kernel tells whoever listens that they changed. The two programs' back ends
 * are chosen one by one (update-alternatives(1)).
 */
export function usesNfTables(): boolean {
  const families = ([4, 6] as const).filter(hasIptables)
  const isNew = (family: Family) => run(programName(family, "save"), ["--version"], "").includes("nf_tables")
  return families.includes(4) && families.every(isNew)
}

/** All tables as text. Errors: `no_iptables`, `iptables_failed`. */
export function saveRules(family: Family): string {
  return run(programName(family, "save"), [], "")
}

/** Carries out a text of `changeText`; each table's part takes effect at once or not at all. */
export function restoreRules(family: Family, text: string): void {
  run(programName(family, "restore"), ["--noflush", "-w", String(IPTABLES_LOCK_WAIT_SECONDS)], text)
}

function run(program: string, args: string[], input: string): string {
  const child = Bun.spawnSync([locate(program), ...args], {
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: IPTABLES_TIMEOUT_MS,
  })
  if (child.success) return child.stdout.toString()
  const said = child.stderr.toString().trim().split("\n")[0] ?? ""
  const why = said === "" ? (child.exitedDueToTimeout ? "it did not end" : `exit ${child.exitCode}`) : said
  const denied = /permission denied|you must be root/i.test(why)
  throw new OvlError(denied ? "not_permitted" : "iptables_failed", `firewall: ${program}: ${why}`, {
    kind: denied ? "forbidden" : "failed",
    hint: denied ? "run as root" : "run `iptables-save` as root and look for what is wrong",
  })
}
