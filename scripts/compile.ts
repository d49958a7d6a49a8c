/**
 * How a program of ours becomes one executable that needs no other file: the bundler's options, and the plugin that
 * embeds the LMDB addon. It stands apart from `build.ts` so that a test can compile a small program the same way.
 */
import { existsSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import type { BunPlugin } from "bun"

export const ROOT = resolve(import.meta.dir, "..")

/** The prebuilt LMDB addon of this machine's architecture and C library. */
export function lmdbAddonPath(root: string): string {
  const packageName = `@lmdb/lmdb-linux-${process.arch}`
  const musl = existsSync(`/lib/ld-musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`)
  const path = join(root, "node_modules", packageName, `node.napi.${musl ? "musl" : "glibc"}.node`)
  if (!existsSync(path)) throw new Error(`no LMDB addon for this platform: ${path} is missing`)
  return path
}

/**
 * Puts three modules right that work only beside a `node_modules`:
 * - lmdb looks for its addon on disk; here it gets it by a literal `require`, which the bundler embeds.
 * - msgpackr takes an addon too, if there is one; here there is none, and it goes on in plain JavaScript.
 * - ordered-binary compiles a function from the source text of another, which the bundler's renaming of top-level
 *   names breaks (`position4 is not defined`, for a key beyond ASCII). Its CommonJS form keeps its names.
 */
export function embedPlugin(root: string): BunPlugin {
  const addon = lmdbAddonPath(root)
  const modules: Record<string, string> = {
    "lmdb-addon": `const addon = require(${JSON.stringify(addon)}); module.exports = () => addon`,
    "no-msgpackr-addon": `throw new Error("msgpackr-extract is not part of this executable")`,
  }
  return {
    name: "embed",
    setup(build) {
      build.onResolve({ filter: /^node-gyp-build-optional-packages$/ }, () => ({
        path: "lmdb-addon",
        namespace: "ovl",
      }))
      build.onResolve({ filter: /^msgpackr-extract$/ }, () => ({ path: "no-msgpackr-addon", namespace: "ovl" }))
      build.onResolve({ filter: /^ordered-binary$/ }, () => ({
        path: join(root, "node_modules/ordered-binary/dist/index.cjs"),
      }))
      build.onLoad({ filter: /.*/, namespace: "ovl" }, ({ path }) => ({ loader: "js", contents: modules[path] ?? "" }))
    },
  }
}

export interface CompileOptions {
  entry: string
  outfile: string
  /** Identifiers that become constants, for example `OVL_VERSION`. */
  constants?: Record<string, string>
}

/**
 * Compiles `entry` to the executable `outfile`; throws with the bundler's messages when it cannot.
 *
 * Byte code makes the start three times faster (9 ms instead of 33 for a small command) and wants CommonJS, hence no
 * top-level await in the program. Names are kept, for stack traces and for `ordered-binary`; the source map is inside.
 * A daemon run by root must not take settings from the directory it happens to be started in, so nothing is loaded
 * from there: no `.env`, no `bunfig.toml`.
 */
export async function compile(options: CompileOptions): Promise<void> {
  const define = Object.entries(options.constants ?? {}).map(([name, value]) => [name, JSON.stringify(value)])
  const result = await Bun.build({
    entrypoints: [options.entry],
    target: "bun",
    format: "cjs",
    bytecode: true,
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: "inline",
    define: Object.fromEntries(define),
    plugins: [embedPlugin(ROOT)],
    throw: false,
    compile: {
      outfile: options.outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  })
  rmSync(`${options.outfile}.map`, { force: true })
  if (!result.success) throw new Error(result.logs.map(String).join("\n"))
}
