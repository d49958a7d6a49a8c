import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "bun:test"

/** What a program finds out that has such ones on its PATH, with the back ends that they say they have. */
function usesNfTablesWith(backends: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), "ovl-iptables-"))
  try {
    for (const [name, backend] of Object.entries(backends))
      for (const verb of ["save", "restore"])
        writeFileSync(join(directory, `${name}-${verb}`), `#!/bin/sh\necho "${name}-${verb} v1.8.9 (${backend})"\n`, {
          mode: 0o755,
        })
    const program = `console.log(require("${import.meta.dir}/iptables.ts").usesNfTables())`
    const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` }
    return Bun.spawnSync([process.execPath, "-e", program], { env }).stdout.toString().trim()
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test("the kernel tells of all rules only where neither program has the old back end", () => {
  expect(usesNfTablesWith({ iptables: "nf_tables", ip6tables: "nf_tables" })).toBe("true")
  expect(usesNfTablesWith({ iptables: "legacy", ip6tables: "legacy" })).toBe("false")
  // Alternatives are chosen one by one.
  expect(usesNfTablesWith({ iptables: "nf_tables", ip6tables: "legacy" })).toBe("false")
})
