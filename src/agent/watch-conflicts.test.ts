import { expect, test } from "bun:test"
import { ipv6Conflicts, noIpv6Egress } from "./watch-conflicts.ts"

const ADDRESS = "fd6f:766c:6777:12::1/64"
const route = (dst: string, via: string | null = null, device = "eth0") => ({ dst, via, device })

test("IPv6 routes of others in the egress subnet are named, with what removes them", () => {
  const routes = [
    route("default", "fe80::1"),
    route("2001:db8::/32"),
    route("fd6f:766c:6777:13::/64"),
    route("fd6f:766c:6777:12::/64", null, "ovl_gwbridge"),
    route("fd6f:766c:6777:12:8000::/65", "fe80::1", "tun0"),
  ]
  expect(ipv6Conflicts({ routes }, ADDRESS)).toEqual([
    {
      code: "egress_subnet_clash",
      message:
        "the route fd6f:766c:6777:12:8000::/65 via fe80::1 dev tun0 overlaps the egress subnet of ovl_gwbridge, fd6f:766c:6777:12::1/64",
      hint: "remove it: ip -6 route del fd6f:766c:6777:12:8000::/65 via fe80::1 dev tun0",
      level: "warning",
    },
  ])
})

test("who has no way out by IPv6, and why", () => {
  expect(noIpv6Egress(["web", "db"], "ip6tables is not installed").message).toBe(
    "web, db: no way to the outside by IPv6: ip6tables is not installed",
  )
  expect(noIpv6Egress(["a", "b", "c", "d"], null)).toMatchObject({
    message: "4 endpoints: no way to the outside by IPv6: there was none when they were attached",
    hint: "attach them again, or restart ovl on this node",
  })
})
