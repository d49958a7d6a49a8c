/** How this kernel was built, as far as it tells: for who may not try things out. */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"

/** `y` (built in), `m` (a module), `n`; undefined where nothing is known. */
export type BuiltAs = "y" | "m" | "n"

/** Options of a `.config` by name without CONFIG_; null where the host has none to read. */
export function readKernelConfig(): Map<string, BuiltAs> | null {
  const release = readIfThere("/proc/sys/kernel/osrelease")?.toString().trim() ?? ""
  const packed = readIfThere("/proc/config.gz")
  const text = packed ? gunzipSync(packed).toString() : readIfThere(`/boot/config-${release}`)?.toString()
  return text === undefined ? null : parseKernelConfig(text)
}

export function parseKernelConfig(text: string): Map<string, BuiltAs> {
  const options = new Map<string, BuiltAs>()
  for (const line of text.split("\n")) {
    const set = /^CONFIG_(\w+)=([ym])$/.exec(line)
    if (set) options.set(set[1]!, set[2] as BuiltAs)
    const unset = /^# CONFIG_(\w+) is not set$/.exec(line)
    if (unset) options.set(unset[1]!, "n")
  }
  return options
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
