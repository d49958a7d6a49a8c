/** The kernel contract over this machine's kernel, in namespaces of its own. */
import { randomBytes } from "node:crypto"
import { mkdirSync } from "node:fs"
import { LinuxKernel } from "../../src/kernel/linux.ts"
import { createPinnedNamespace, deleteNamespace, ensureNamespaceDirectory } from "../../src/linux/namespaces.ts"
import { run } from "../support/netns.ts"
import { kernelContract } from "./kernel.ts"
import { inKernelSandbox } from "./kernel-sandbox.ts"

/** Everything a person could look at: names, rules, mounts, and what forwards. */
function snapshot(): string {
  const shell =
    "ip -br link | awk '{print $1}' | sort; ls /run/netns; iptables-save | grep -v '^#'; grep -c . /proc/self/mounts;" +
    "grep -H . /proc/sys/net/ipv4/conf/*/forwarding; cat /proc/sys/net/ipv4/ip_forward; find /run/ovl-* | sort"
  return run(["sh", "-c", shell])
}

inKernelSandbox(import.meta.path, () => {
  ensureNamespaceDirectory("/run/netns")
  kernelContract("linux", () => {
    // The run directory is the daemon's: it is there before the kernel is touched, and is not the kernel's to remove.
    const runDirectory = `/run/ovl-${randomBytes(4).toString("hex")}`
    mkdirSync(runDirectory)
    const kernel = new LinuxKernel({ stateFile: `${runDirectory}/kernel.json` })
    const workloads = new Set<string>()
    const vxlans = new Set<string>()
    const removeWorkload = (path: string) => {
      deleteNamespace(path)
      workloads.delete(path)
    }
    return {
      kernel,
      addWorkload: (path) => {
        createPinnedNamespace(path)
        workloads.add(path)
      },
      removeWorkload,
      addForeignVxlan: (name, vni) => {
        run(`ip link add ${name} type vxlan id ${vni} dstport 4789 local 192.168.1.51`)
        vxlans.add(name)
      },
      snapshot,
      close: () => {
        kernel.purge()
        for (const path of [...workloads]) removeWorkload(path)
        for (const name of vxlans) Bun.spawnSync(["ip", "link", "del", name])
        kernel.close()
      },
    }
  })
})
