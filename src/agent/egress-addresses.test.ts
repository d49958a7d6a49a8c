import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { EgressAddresses, type EgressAddressesOptions } from "./egress-addresses.ts"

/** On a bridge that has room for a single endpoint, and no IPv6. */
function room(): EgressAddresses {
  const noIpv6 = () => {
    throw new Error("no IPv6 here")
  }
  return new EgressAddresses({
    dataplane: { egress: { address: () => "172.18.0.1/30", ipv6Address: noIpv6 } },
    replica: { catalog: { endpointsOfNode: () => [] } },
    nodeId: "here",
    log: silentLog,
  } as unknown as EgressAddressesOptions)
}

test("what was not given away in the end is free again", async () => {
  const one = room()
  expect(() => one.promise("eth1", true)).toThrow("no IPv6 here")
  const two = ["a", "b"].map((id) => ({ id, ifname: "eth1", ipv6: false }))
  expect(await one.move(two).catch((error) => error.code)).toBe("egress_exhausted")
  expect(one.promise("eth1", false).ip).toBe("172.18.0.2/30")
})
