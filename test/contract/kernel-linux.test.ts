/** The kernel contract over this machine's kernel, in namespaces of its own. */
import { describe, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { mkdirSync } from "node:fs"
import { LinuxKernel } from "../../src/kernel/linux.ts"
import {
  createPinnedNamespace,
  deleteNamespace,
  ensureNamespaceDirectory,
  withNamespace,
} from "../../src/linux/namespaces.ts"
import { hiddenNamespace } from "../../src/model/dataplane.ts"
import { RED } from "../../src/overlay/fixture.ts"
import { addNetwork } from "../../src/overlay/steps.ts"
import { run } from "../support/netns.ts"
import { kernelContract } from "./kernel.ts"
import { inKernelSandbox } from "./kernel-sandbox.ts"

/** Everything a person could look at: names, rules, mounts, and what forwards. */
function snapshot(): string {
  const shell =
    "ip -br link | awk '{print $1}' | sort; ls /run/netns; iptables-save | grep -v '^#'; grep '/run' /proc/self/mounts | sort;" +
    "grep -H . /proc/sys/net/ipv4/conf/*/forwarding; cat /proc/sys/net/ipv4/ip_forward; find /run/ovl-* | sort"
  return run(["sh", "-c", shell])
}

inKernelSandbox(import.meta.path, () => {
  ensureNamespaceDirectory("/run/netns")

  describe("a VNI that is taken", () => {
    const NS = hiddenNamespace(RED)
    const base = {
      networkId: RED,
      netns: NS,
      vni: 256,
      vtep: "192.168.1.51",
      port: 4789,
      mtu: 1450,
      bridge: { mac: "02:42:0a:41:0a:01", addresses: ["10.65.10.1/24"] },
      vxlan: { mac: "06:00:00:00:00:01" },
      ipv6: false,
      multicast: false,
      peers: new Map(),
      flood: new Set<string>(),
    }
    const inKernel = (use: (kernel: LinuxKernel) => void) => {
      const kernel = new LinuxKernel({ stateFile: "/run/vni/kernel.json" })
      use(kernel)
      kernel.close()
    }

    test("by a device of ours in a namespace that is unpinned but held by a process (pain 13)", async () => {
      inKernel((kernel) => kernel.apply(addNetwork(base), "all-or-nothing"))
      const holder = withNamespace(NS, () => Bun.spawn(["sleep", "60"]))
      await Bun.sleep(50)
      deleteNamespace(NS)
      inKernel((kernel) => {
        kernel.apply(addNetwork(base), "all-or-nothing")
        expect(kernel.observeNetwork(NS)?.vxlan?.vni).toBe(256)
        kernel.purge()
      })
      holder.kill()
      await holder.exited
    })

    test("by a namespace that is just going", () => {
      inKernel((kernel) => kernel.apply(addNetwork(base), "all-or-nothing"))
      deleteNamespace(NS)
      inKernel((kernel) => {
        kernel.apply(addNetwork(base), "all-or-nothing")
        kernel.purge()
      })
    })

    test("by somebody else in a namespace: the error says where (pain 13)", () => {
      createPinnedNamespace("/run/netns/theirs")
      run("ip link add vx9 netns theirs type vxlan id 256 dstport 4789 local 192.168.1.51")
      inKernel((kernel) => {
        expect(() => kernel.apply(addNetwork(base), "all-or-nothing")).toThrow(
          expect.objectContaining({
            code: "vni_taken_on_host",
            message: expect.stringContaining("vx9 in /run/netns/theirs has it"),
          }),
        )
        expect(kernel.listHidden()).toEqual([])
      })
      run("ip -n theirs link del vx9")
      deleteNamespace("/run/netns/theirs")
    })
  })

  test("the way to another VTEP carries what its route says, else what its device does", () => {
    const kernel = new LinuxKernel({ stateFile: "/run/ways.json" })
    const way = (to: string, from = "192.168.1.51") => kernel.pathMtu(from, to)
    run("ip link set up0 mtu 9000")
    expect(way("192.168.1.52")).toEqual({ mtu: 9000, refused: null })
    run("ip link set up0 mtu 1500")
    run("ip route add 192.168.1.53/32 dev up0 mtu 1400")
    expect([way("192.168.1.52"), way("192.168.1.53")]).toEqual([
      { mtu: 1500, refused: null },
      { mtu: 1400, refused: null },
    ])
    expect([way("203.0.113.1"), way("192.168.1.51"), way("192.168.1.52", "192.168.1.99")]).toEqual([null, null, null])
    run("ip -6 addr add fd00:1::51/64 dev up0 nodad")
    run("ip -6 route add fd00:1::53/128 dev up0 mtu 1380")
    expect([way("fd00:1::52", "fd00:1::51"), way("fd00:1::53", "fd00:1::51")]).toEqual([
      { mtu: 1500, refused: null },
      { mtu: 1380, refused: null },
    ])
    kernel.close()
    for (const undo of ["-4 route del 192.168.1.53/32", "-6 route del fd00:1::53/128", "-6 addr del fd00:1::51/64"])
      run(`ip ${undo} dev up0`)
  })

  kernelContract("linux", () => {
    // The run directory is the daemon's: it is there before the kernel is touched, and is not the kernel's to remove.
    const runDirectory = `/run/ovl-${randomBytes(4).toString("hex")}`
    mkdirSync(runDirectory)
    const kernel = new LinuxKernel({ stateFile: `${runDirectory}/kernel.json` })
    const others = new LinuxKernel({ stateFile: "/run/others.json" })
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
      disturb: (operation) => others.apply([operation], "best-effort"),
      flushRules: () => run("iptables -F OVL-INPUT"),
      snapshot,
      close: () => {
        kernel.purge()
        for (const path of [...workloads]) removeWorkload(path)
        for (const name of vxlans) Bun.spawnSync(["ip", "link", "del", name])
        kernel.close()
        others.close()
      },
    }
  })
})
