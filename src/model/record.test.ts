import { expect, test } from "bun:test"
import { DOCKER_RECORD_FLAGS, dockerRecordKey, dockerRecordValue } from "./record.ts"

test("a network's record is Docker's, byte for byte", () => {
  const network = { mtu: 0, secure: false, vni: 256, subnets: [{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }] }
  expect(new TextDecoder().decode(dockerRecordValue(network))).toBe(
    '{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.65.10.0/24","GwIP":"10.65.10.1/24","Vni":256}]}',
  )
  const further = { subnet: "10.65.11.0/24", gateway: "10.65.11.9" }
  expect(new TextDecoder().decode(dockerRecordValue({ ...network, subnets: [...network.subnets, further] }))).toBe(
    '{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.65.10.0/24","GwIP":"10.65.10.1/24","Vni":256},' +
      '{"SubnetIP":"10.65.11.0/24","GwIP":"10.65.11.9/24","Vni":256}]}',
  )
  expect(dockerRecordKey("swarm", "249690033b")).toBe("swarm/docker/network/v1.0/overlay/network/249690033b/")
  expect(DOCKER_RECORD_FLAGS.toString()).toBe("3304740253564472344")
})
