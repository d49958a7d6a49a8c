import { expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { parseSubnet } from "./address.ts"
import { formatCidr, parseCidr, parseIpv4 } from "./cidr.ts"
import { askedSubnets, checkIpRange, checkSubnet, chooseGateway, nextDefaultSubnet, withGateways } from "./subnet.ts"
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

test("subnets of both families, IPv4 first, and a range belongs to the one of its family", () => {
  const both = (subnets: string[], ipRange?: string) =>
    said(() => JSON.stringify(askedSubnets({ subnets: subnets.map((text) => ({ subnet: text })), ipRange })))
  expect(both(["FD00:0:0:1::/64", "10.1.0.0/24"], "fd00:0:0:1:8000::/65")).toBe(
    'ok {"subnets":[{"subnet":"10.1.0.0/24","gateway":"10.1.0.1"},{"subnet":"fd00:0:0:1::/64","gateway":"fd00:0:0:1::1"}],"ipRange":"fd00:0:0:1:8000::/65"}',
  )
  expect(both(["fd00::/64"], "10.1.0.0/25")).toBe(
    "invalid ip_range_invalid: ip range 10.1.0.0/25: outside the subnet fd00::/64",
  )
  expect(["fd00::/127", "ff02::/64", "fe80::/64", "::/0", "fd00::1/64"].map((text) => both([text]))).toEqual([
    "usage subnet_invalid: subnet fd00::/127: too small for a gateway and an endpoint",
    "usage subnet_invalid: subnet ff02::/64: overlaps ff00::/8, which no host can have",
    "usage subnet_invalid: subnet fe80::/64: overlaps fe80::/10, which no host can have",
    "usage subnet_invalid: subnet ::/0: overlaps ::/8, which no host can have",
    "usage subnet_invalid: subnet fd00::1/64: host bits are set",
  ])
})

test("several subnets of one family lie apart, eight at most, in the order that was asked for", () => {
  const asked = (subnets: string[], ipRange?: string) =>
    said(() => {
      const found = askedSubnets({ subnets: subnets.map((text) => ({ subnet: text })), ipRange })
      return `${found?.subnets.map((each) => `${each.subnet} by ${each.gateway}`).join(", ")} range ${found?.ipRange}`
    })
  expect(asked(["10.2.0.0/24", "fd01::/64", "10.1.0.0/24", "fd00::/64"], "10.1.0.128/25")).toBe(
    "ok 10.2.0.0/24 by 10.2.0.1, 10.1.0.0/24 by 10.1.0.1, fd01::/64 by fd01::1, fd00::/64 by fd00::1 range 10.1.0.128/25",
  )
  const eight = ["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24", "10.5.0.0/24", "10.6.0.0/24", "fd00::/64"]
  expect(asked([...eight, "fd01::/64"])).toStartWith("ok 10.1.0.0/24")
  expect(
    [
      asked([...eight, "fd01::/64", "fd02::/64"]),
      asked(["10.1.0.0/24", "10.2.0.0/24", "10.1.0.0/24"]),
      asked(["10.1.0.128/25", "10.1.0.0/16"]),
      asked(["fd00:1::/64", "10.1.0.0/24", "fd00::/16"]),
      asked(["10.1.0.0/24", "10.2.0.0/24"], "10.3.0.0/25"),
      asked(["10.1.0.0/24", "10.2.0.0/24"], "10.2.0.1/32"),
    ].join("\n"),
  ).toBe(
    [
      "usage subnets_too_many: 9 subnets: a network can have 8 at most",
      "conflict subnet_overlap: subnet 10.1.0.0/24: overlaps 10.1.0.0/24, another one of the network",
      "conflict subnet_overlap: subnet 10.1.0.0/16: overlaps 10.1.0.128/25, another one of the network",
      "conflict subnet_overlap: subnet fd00::/16: overlaps fd00:1::/64, another one of the network",
      "invalid ip_range_invalid: ip range 10.3.0.0/25: outside the subnets 10.1.0.0/24, 10.2.0.0/24",
      "invalid ip_range_invalid: ip range 10.2.0.1/32: has no address for an endpoint",
    ].join("\n"),
  )
})

test("a gateway is of the subnet that it lies in, or of the only one of its family", () => {
  const of = (subnets: string[], ...gateways: string[]) =>
    said(() =>
      withGateways(subnets, gateways)
        .map((each) => `${each.subnet} by ${each.gateway ?? "the first"}`)
        .join(", "),
    )
  const TWO = ["10.1.0.0/24", "10.2.0.0/24"]
  expect(
    [
      of([]),
      of(TWO, "10.2.0.9"),
      of([...TWO, "fd00::/64"], "fd00::9", "10.1.0.9"),
      of(["10.1.0.0/24", "fd00::/64"], "10.9.0.9"),
      of([], "10.1.0.1"),
      of(TWO, "10.3.0.1"),
      of(TWO, "x"),
      of(TWO, "10.2.0.8", "10.2.0.9"),
    ].join("\n"),
  ).toBe(
    [
      "ok ",
      "ok 10.1.0.0/24 by the first, 10.2.0.0/24 by 10.2.0.9",
      "ok 10.1.0.0/24 by 10.1.0.9, 10.2.0.0/24 by the first, fd00::/64 by fd00::9",
      "ok 10.1.0.0/24 by 10.9.0.9, fd00::/64 by the first",
      "usage gateway_without_subnet: gateway 10.1.0.1: there is no --subnet for it",
      "usage gateway_without_subnet: gateway 10.3.0.1: outside the subnets 10.1.0.0/24, 10.2.0.0/24",
      "usage gateway_without_subnet: gateway x: outside the subnets 10.1.0.0/24, 10.2.0.0/24",
      "usage gateway_without_subnet: gateway 10.2.0.9: the subnet 10.2.0.0/24 has the gateway 10.2.0.8",
    ].join("\n"),
  )
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
