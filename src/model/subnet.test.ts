import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { parseSubnet } from "./address.ts"
import { formatCidr, parseCidr, parseIpv4 } from "./cidr.ts"
import { askedSubnets, checkIpRange, checkSubnet, chooseGateway, nextDefaultSubnet } from "./subnet.ts"
import { checkVni, nextVni } from "./vni.ts"

const subnet = parseSubnet("10.65.10.0/24")

function said(attempt: () => unknown): string {
  try {
    return `ok ${attempt()}`
  } catch (error) {
    if (!(error instanceof OvlError)) throw error
    return `${error.kind} ${error.code}: ${error.message}`
  }
}

test("gateways", () => {
  const gateway = (asked?: string) => said(() => chooseGateway(subnet, asked))
  expect([undefined, "10.65.10.254", "10.65.11.1", "10.65.10.0", "10.65.10.255", "x"].map(gateway)).toEqual([
    "ok 10.65.10.1",
    "ok 10.65.10.254",
    "invalid gateway_invalid: gateway 10.65.11.1: outside the subnet 10.65.10.0/24",
    "invalid gateway_invalid: gateway 10.65.10.0: it is the network address",
    "invalid gateway_invalid: gateway 10.65.10.255: it is the broadcast address",
    "usage gateway_invalid: gateway x: not an IPv4 address",
  ])
})

test("ranges of addresses", () => {
  const range = (asked: string) => said(() => checkIpRange([{ subnet: "10.65.10.0/24", gateway: "10.65.10.1" }], asked))
  expect(
    ["10.65.10.128/25", "10.65.0.0/16", "10.66.0.0/24", "10.65.10.1/32", "10.65.10.0/32", "10.65.10.9/25"].map(range),
  ).toEqual([
    "ok 10.65.10.128/25",
    "invalid ip_range_invalid: ip range 10.65.0.0/16: outside the subnet 10.65.10.0/24",
    "invalid ip_range_invalid: ip range 10.66.0.0/24: outside the subnet 10.65.10.0/24",
    "invalid ip_range_invalid: ip range 10.65.10.1/32: has no address for an endpoint",
    "invalid ip_range_invalid: ip range 10.65.10.0/32: has no address for an endpoint",
    "usage ip_range_invalid: subnet 10.65.10.9/25: host bits are set",
  ])
})

test("subnets that no network can have", () => {
  const check = (text: string) => said(() => checkSubnet(parseSubnet(text)))
  expect(["10.0.0.0/30", "10.0.0.0/31", "0.0.0.0/0", "127.1.0.0/16", "224.0.0.0/24"].map(check)).toEqual([
    "ok undefined",
    "usage subnet_invalid: subnet 10.0.0.0/31: too small for a gateway and an endpoint",
    "usage subnet_invalid: subnet 0.0.0.0/0: overlaps 0.0.0.0/8, which no host can have",
    "usage subnet_invalid: subnet 127.1.0.0/16: overlaps 127.0.0.0/8, which no host can have",
    "usage subnet_invalid: subnet 224.0.0.0/24: overlaps 224.0.0.0/3, which no host can have",
  ])
})

test("two subnets are one of each family, IPv4 first, and a range belongs to the one of its family", () => {
  const both = (subnets: string[], ipRange?: string) =>
    said(() => JSON.stringify(askedSubnets({ subnets: subnets.map((text) => ({ subnet: text })), ipRange })))
  expect(both(["FD00:0:0:1::/64", "10.1.0.0/24"], "fd00:0:0:1:8000::/65")).toBe(
    'ok {"subnets":[{"subnet":"10.1.0.0/24","gateway":"10.1.0.1"},{"subnet":"fd00:0:0:1::/64","gateway":"fd00:0:0:1::1"}],"ipRange":"fd00:0:0:1:8000::/65"}',
  )
  expect(both(["fd00::/64"], "10.1.0.0/25")).toBe(
    "invalid ip_range_invalid: ip range 10.1.0.0/25: outside the subnet fd00::/64",
  )
  expect(both(["fd00::/64", "fd01::/64"])).toBe(
    "failed not_available: several subnets of one family in one network: not available in this version",
  )
  expect(["fd00::/127", "ff02::/64", "fe80::/64", "::/0", "fd00::1/64"].map((text) => both([text]))).toEqual([
    "usage subnet_invalid: subnet fd00::/127: too small for a gateway and an endpoint",
    "usage subnet_invalid: subnet ff02::/64: overlaps ff00::/8, which no host can have",
    "usage subnet_invalid: subnet fe80::/64: overlaps fe80::/10, which no host can have",
    "usage subnet_invalid: subnet ::/0: overlaps ::/8, which no host can have",
    "usage subnet_invalid: subnet fd00::1/64: host bits are set",
  ])
})

test("a subnet that is not asked for is the next of 10.0.0.0/8 that clashes with nothing", () => {
  const next = (last: number | null, used: string[], underlay: string[] = []) => {
    const chosen = nextDefaultSubnet(
      last,
      used.map((text) => parseCidr(text)),
      underlay.map((text) => parseIpv4(text)!),
    )
    return formatCidr(chosen.subnet)
  }
  expect(next(null, [])).toBe("10.0.1.0/24")
  expect(next(1, ["10.0.1.0/24"])).toBe("10.0.2.0/24")
  expect(next(null, ["10.0.1.0/24", "10.0.2.128/25", "10.0.3.0/30", "192.168.0.0/16"])).toBe("10.0.4.0/24")
  expect(next(null, ["10.0.0.0/16"], ["10.1.0.7"])).toBe("10.1.1.0/24")
  expect(next(65_535, [])).toBe("10.0.1.0/24")
  expect(() => next(null, ["10.0.0.0/8"])).toThrow("no free subnet")
})

test("VNIs begin at 256, go on after the last one, and round again when all are used", () => {
  expect(nextVni(null, () => false)).toBe(256)
  expect(nextVni(257, (vni) => vni === 258)).toBe(259)
  expect(nextVni(16_777_215, (vni) => vni === 256)).toBe(257)
  expect([1, 16_777_215].map(checkVni)).toEqual([1, 16_777_215])
  for (const bad of [0, -1, 16_777_216, 1.5, Number.NaN]) expect(() => checkVni(bad)).toThrow("from 1 to 16777215")
})
