/** The kernel contract over the one in memory. */
import { FakeKernel } from "../../src/kernel/fake.ts"
import { HOST_NAMESPACE } from "../../src/model/dataplane.ts"
import { kernelContract } from "./kernel.ts"

kernelContract("fake", () => {
  const kernel = new FakeKernel({ facts: { routes: [{ dst: "192.168.1.0/24", via: null, device: "up0" }] } })
  const { world } = kernel
  return {
    kernel,
    addWorkload: (path) => world.addNamespace(path),
    removeWorkload: (path) => world.deleteNamespace(path),
    addForeignVxlan: (name, vni) =>
      world.addLink(HOST_NAMESPACE, {
        name,
        kind: "vxlan",
        vxlan: { vni, local: "192.168.1.51", port: 4789, proxy: false },
      }),
    disturb: (operation) => kernel.disturb(operation),
    flushRules: () => kernel.flushRules(),
    snapshot: () =>
      JSON.stringify(
        [...world.namespaces].map(([ns, { links, sysctls }]) => [
          ns,
          [...links.keys()],
          [...sysctls].filter(([key, value]) => value !== "0" && !key.includes("ovl_gwbridge")),
        ]),
      ),
    close: () => kernel.close(),
  }
})
