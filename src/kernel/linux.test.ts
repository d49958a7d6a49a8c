import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, spyOn, test } from "bun:test"
import { KnownRules } from "./firewall/generation.ts"
import { LinuxKernel } from "./linux.ts"

test("of the rules of a namespace that goes nothing is kept", () => {
  const forget = spyOn(KnownRules.prototype, "forget")
  const kernel = new LinuxKernel({ stateFile: join(tmpdir(), `ovl-none-${process.pid}`) })
  try {
    const ns = `/run/netns/ovl-gone-${process.pid}`
    kernel.apply([{ op: "netns-del", ns }], "best-effort")
    expect(forget.mock.calls).toEqual([[ns]])
  } finally {
    kernel.close()
    forget.mockRestore()
  }
})
