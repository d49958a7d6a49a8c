/** Workloads and expectations that name what is not there, with the very words. */
import { expect, test } from "bun:test"
import { mistakesOf, withLine } from "./fixture.ts"

const WRONG: [what: string, text: string, told: string[]][] = [
  [
    "an unknown node",
    withLine(12, "  b: { node: n3, network: red }"),
    ["12:14 workloads.b.node: there is no node n3: did you mean n1?"],
  ],
  [
    "an unknown network",
    withLine(12, "  b: { node: n2, network: rde }"),
    ["12:27 workloads.b.network: there is no network rde: did you mean red?"],
  ],
  ["no node at all", withLine(12, "  b: { network: red }"), ["12:3 workloads.b: node is missing"]],
  ["no network at all", withLine(12, "  b: { node: n2 }"), ["12:3 workloads.b: network is missing"]],
  [
    "both forms",
    withLine(12, "  b: { node: n2, network: red, networks: [vault] }"),
    ["12:32 workloads.b.networks: say either network or networks, not both"],
  ],
  [
    "a network twice",
    withLine(12, "  b: { node: n2, networks: [red, red] }"),
    ["12:34 workloads.b.networks[1]: network red is named twice"],
  ],
  [
    "subnets that overlap",
    withLine(12, "  b: { node: n2, networks: [red, blue] }"),
    ["12:34 workloads.b.networks[1]: its subnet overlaps that of red: one workload cannot be on both"],
  ],
  [
    "an address out of the subnet",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.11.3 }"),
    ["12:36 workloads.b.ip: 10.65.11.3: outside the subnet 10.65.10.0/24"],
  ],
  [
    "the gateway's",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.10.1 }"),
    ["12:36 workloads.b.ip: 10.65.10.1 is the address of the gateway on red"],
  ],
  [
    "somebody's",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.10.2 }"),
    ["12:36 workloads.b.ip: 10.65.10.2 is the address of a on red"],
  ],
  [
    "an address where there is no subnet",
    withLine(12, "  b: { node: n2, network: auto, ip: 10.0.1.2 }"),
    ["12:37 workloads.b.ip: 10.0.1.2: network auto has no subnet in this file to hold it"],
  ],
  [
    "an address with a length",
    withLine(12, "  b: { node: n2, network: red, ip: 10.65.10.4/24 }"),
    ["12:36 workloads.b.ip: 10.65.10.4/24: it is no address: write it without a prefix length"],
  ],
  [
    "a subnet that is used up",
    withLine(6, "  red: { subnet: 10.65.10.0/30 }"),
    ["12:3 workloads.b: network red has no address left for it"],
  ],
  [
    "a bad port",
    withLine(12, '  b: { node: n2, network: red, ports: ["80"] }'),
    ["12:40 workloads.b.ports[0]: port 80: malformed"],
  ],
  [
    "a port twice",
    withLine(12, '  b: { node: n1, network: red, ports: ["80:80"] }').replace("ip: 10.65.10.2", 'ports: ["79-81:1-3"]'),
    ["12:40 workloads.b.ports[0]: 80:80: that port of n1 is published by a"],
  ],
  [
    "a port without a way",
    withLine(12, '  b: { node: n1, network: vault, ports: ["80:80"] }'),
    ["12:34 workloads.b.ports: it is only on internal networks, which have no way to the outside"],
  ],
  [
    "a bad MAC",
    withLine(12, "  b: { node: n2, network: red, mac: 1 }"),
    ["12:37 workloads.b.mac: it wants a text, not a number: put it in quotes"],
  ],
  [
    "a list in a command",
    withLine(12, "  b: { node: n2, network: red, command: [a, [b]] }"),
    ["12:45 workloads.b.command[1]: it wants a single value, not a list"],
  ],
  // Expectations.
  [
    "other words",
    withLine(14, "  - a pings b"),
    [
      '14:5 expect[0]: not understood: write "A reaches B", "A does not reach B", "A reaches B tcp 8080", "A reaches B with 8950 bytes", "A hears B on 239.1.1.1", "all of NETWORK reach each other"',
    ],
  ],
  [
    "nobody",
    withLine(14, "  - a reaches c"),
    ["14:5 expect[0]: there is no workload, node or address c: did you mean a?"],
  ],
  [
    "nobody's address",
    withLine(14, "  - a reaches 10.65.10.99"),
    ["14:5 expect[0]: nobody in this lab has the address 10.65.10.99"],
  ],
  ["itself", withLine(14, "  - a reaches a"), ["14:5 expect[0]: a and itself: that proves nothing"]],
  [
    "no group",
    withLine(14, "  - a hears b on 10.0.0.1"),
    ["14:5 expect[0]: 10.0.0.1 is not an IPv4 multicast address"],
  ],
  [
    "a node that hears",
    withLine(14, "  - n1 hears b on 239.1.1.1"),
    ["14:5 expect[0]: there is no workload n1: there is a, b"],
  ],
  ["no port", withLine(14, "  - a reaches b tcp 70000"), ["14:5 expect[0]: ports are from 1 to 65535"]],
  [
    "too small a packet",
    withLine(14, "  - a reaches b with 20 bytes"),
    ["14:5 expect[0]: a packet has 200 to 65535 bytes"],
  ],
  [
    "an unknown network of all",
    withLine(14, "  - all of rde reach each other"),
    ["14:5 expect[0]: there is no network rde: did you mean red?"],
  ],
]

for (const [what, text, told] of WRONG) test(`wrong: ${what}`, () => expect(mistakesOf(text)).toEqual(told))
