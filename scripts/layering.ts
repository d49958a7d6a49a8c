/**
 * The walls of the house, checked: who may import whom, which package is used where, and what the pure floors must do
 * without. The rules and their reasons are in docs/ARCHITECTURE.md.
 */
import { readFileSync } from "node:fs"
import { posix } from "node:path"
import { codeOnly, importsOf, lineOf } from "./source-text.ts"

/** A floor imports only from those before it; the folders on one floor do not import each other. */
const FLOORS: string[][] = [
  ["base"],
  ["model", "raft", "linux"],
  ["netlink", "transport", "client"],
  ["store", "overlay", "kernel", "dns"],
  ["registry"],
  ["agent", "lab"],
  ["api"],
  ["daemon"],
  ["doctor"],
  ["cli", "ui", "plugins"],
]

/** Time and chance come into these as arguments, so that they can be tested by the thousand without a clock. */
const PURE = ["base", "model", "raft", "overlay", "dns"]

/** Packages that are one folder's or one file's business. The first entry that matches counts. */
const PACKAGES: { matches: RegExp; only: string[]; reason: string }[] = [
  { matches: /^bun:ffi$/, only: ["linux/libc.ts"], reason: "foreign functions are called in one place" },
  {
    matches: /^lmdb(\/|$)/,
    only: ["store/lmdb.ts"],
    reason: "commands that do not touch the store must not load the addon",
  },
  { matches: /^netlink$/, only: [], reason: "its root aborts the process; import netlink/dist/*" },
  { matches: /^netlink\/dist\//, only: ["netlink/"], reason: "only our own netlink library uses its codec" },
  { matches: /^netlink\//, only: [], reason: "only netlink/dist/* works here" },
  { matches: /^(hono(\/|$)|@hono\/)/, only: ["api/", "ui/"], reason: "the HTTP framework stays behind the API" },
  { matches: /^cac$/, only: ["cli/"], reason: "the command line parser stays in the command line" },
]

/** What stands outside `src` and becomes part of the program as text: the file, and the folder that may import it. */
const TEXTS: { target: string; folder: string }[] = [{ target: "../labs/red-green.yaml", folder: "lab" }]

/** Words that reach for the clock, for chance or for the machine. */
const IMPURE: { matches: RegExp; what: string }[] = [
  { matches: /(?<![\w.$])Date(?=\s*[.(])|(?<![\w.$])new\s+Date\b/g, what: "Date" },
  { matches: /(?<![\w.$])Math\.random\b/g, what: "Math.random" },
  { matches: /(?<![\w.$])(?:set(?:Timeout|Interval|Immediate)|queueMicrotask)(?=\s*\()/g, what: "a timer" },
  { matches: /(?<![\w.$])await\b/g, what: "await" },
  { matches: /(?<![\w.$])(?:performance|crypto|process|Bun)(?=\.)/g, what: "a global of the machine" },
]

const EXIT = /(?<![\w.$])process\.(?:exit|reallyExit)\b/g

export interface Violation {
  /** Below `src/`. */
  file: string
  line: number
  reason: string
}

/** `src/model/mac.ts:12: <reason>`, as compilers write it. */
export function describe(violation: Violation): string {
  return `src/${violation.file}:${violation.line}: ${violation.reason}`
}

/**
 * Checks files given as path below `src/` and text; `packages` are the names that package.json lists under
 * `dependencies`. Unit tests beside the source obey the floors, and are free in what they use besides.
 */
export function checkLayering(files: Map<string, string>, packages: string[]): Violation[] {
  return [...files].flatMap(([file, text]) => checkFile(file, text, packages))
}

function checkFile(file: string, text: string, packages: string[]): Violation[] {
  const isTest = /\.test\.tsx?$/.test(file)
  const code = codeOnly(text)
  const found: Violation[] = []
  for (const { specifier, line } of importsOf(text, code)) {
    const reason = specifier.startsWith(".")
      ? whyNotFile(file, specifier)
      : isTest
        ? null
        : whyNotPackage(file, specifier, packages)
    if (reason !== null) found.push({ file, line, reason })
  }
  if (isTest) return found
  const words = [
    ...(PURE.includes(folderOf(file)) ? IMPURE.map((word) => ({ ...word, why: `${folderOf(file)} is pure` })) : []),
    ...(file === "main.ts" ? [] : [{ matches: EXIT, what: "process.exit", why: "only src/main.ts ends the process" }]),
  ]
  for (const { matches, what, why } of words) {
    for (const match of code.matchAll(matches)) {
      found.push({ file, line: lineOf(text, match.index), reason: `${match[0]} (${what}) is forbidden: ${why}` })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

function folderOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : ""
}

function floorOf(folder: string): number {
  return FLOORS.findIndex((floor) => floor.includes(folder))
}

/** Why `file` must not import the file that the relative `specifier` names, or null when it may. */
function whyNotFile(file: string, specifier: string): string | null {
  const target = posix.normalize(posix.join(posix.dirname(file), specifier))
  if (TEXTS.some((text) => text.target === target && text.folder === folderOf(file))) return null
  if (target.startsWith("..")) return `imports ${specifier}: that is outside src`
  if (file === "main.ts") return null
  const from = folderOf(file)
  const to = folderOf(target)
  if (from === "") return `only main.ts stands directly in src: ${file} belongs in a folder`
  if (from === to) return null
  if (to === "") return `${from} imports ${target}: nothing imports what stands above all floors`
  for (const folder of [from, to]) {
    if (floorOf(folder) === -1) return `src/${folder} has no floor: give it one in scripts/layering.ts`
  }
  if (floorOf(to) === floorOf(from)) return `${from} imports ${to}: neighbours on one floor do not import each other`
  if (floorOf(to) > floorOf(from)) return `${from} imports ${to}: that floor is above, imports go only downwards`
  return null
}

/** Why `file` must not import the package or built-in module `specifier`, or null when it may. */
function whyNotPackage(file: string, specifier: string, packages: string[]): string | null {
  const isBuiltIn = /^(node|bun):/.test(specifier) || specifier === "bun"
  if (isBuiltIn && PURE.includes(folderOf(file))) return `imports ${specifier}: ${folderOf(file)} is pure`
  const rule = PACKAGES.find(({ matches }) => matches.test(specifier))
  if (rule && !rule.only.some((place) => (place.endsWith("/") ? file.startsWith(place) : file === place))) {
    const where = rule.only.length > 0 ? `only in src/${rule.only.join(", src/")}` : "nowhere"
    return `imports ${specifier}, which is allowed ${where}: ${rule.reason}`
  }
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
  if (!isBuiltIn && !packages.includes(name)) return `imports ${specifier}: not among the dependencies in package.json`
  return null
}

/** Reads the sources of the project at `root` and checks them. */
export function checkTree(root: string): Violation[] {
  const paths = [...new Bun.Glob("**/*.{ts,tsx}").scanSync({ cwd: posix.join(root, "src") })].sort()
  const files = new Map(paths.map((path) => [path, readFileSync(posix.join(root, "src", path), "utf8")]))
  const { dependencies } = JSON.parse(readFileSync(posix.join(root, "package.json"), "utf8"))
  return checkLayering(files, Object.keys(dependencies))
}
