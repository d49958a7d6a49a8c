/** Addresses, links and networks that do not fit, with the very words. */
import { expect, test } from "bun:test"
import { mistakesOf, withLine } from "./fixture.ts"

const WRONG: [what: string, text: string, told: string[]][] = [
  [
    "no address",
    withLine(3, "  n1: { address: 192.168.1 }"),
    ["3:18 nodes.n1.address: 192.168.1: it is not an IPv4 address"],
  ],
  [
    "an address outside",
    withLine(3, "  n1: { address: 192.168.2.1 }"),
    ["3:18 nodes.n1.address: 192.168.2.1: it is outside the underlay's subnet 192.168.1.0/24"],
  ],
  [
    "the network's own",
    withLine(3, "  n1: { address: 192.168.1.0 }"),
    ["3:18 nodes.n1.address: 192.168.1.0: it is the network address"],
  ],
  [
    "broadcast",
    withLine(3, "  n1: { address: 192.168.1.255 }"),
    ["3:18 nodes.n1.address: 192.168.1.255: it is the broadcast address"],
  ],
  [
    "twice",
    withLine(4, "  n2: { address: 192.168.1.11 }"),
    ["4:18 nodes.n2.address: 192.168.1.11 is the address of node n1"],
  ],
  [
    "the outside's",
    withLine(4, "  n2: { address: 192.168.1.254 }"),
    ["4:18 nodes.n2.address: 192.168.1.254 is the address of the outside host"],
  ],
  [
    "host bits in the subnet",
    withLine(1, "name: lab\nunderlay: { subnet: 192.168.1.1/24 }"),
    ["2:21 underlay.subnet: subnet 192.168.1.1/24: host bits are set: did you mean 192.168.1.0/24?"],
  ],
  [
    "too small a subnet",
    withLine(1, "name: lab\nunderlay: { subnet: 192.168.1.0/30 }"),
    ["2:21 underlay.subnet: the prefix length of the underlay must be from 8 to 29"],
  ],
  [
    "the outside within",
    withLine(1, "name: lab\noutside: { address: 192.168.1.7 }"),
    ["2:21 outside.address: 192.168.1.7: it lies in the underlay's own subnet"],
  ],
  [
    "a subnet that is full",
    `name: lab\nunderlay: { subnet: 10.0.0.0/29 }\nnodes: { a: , b: , c: , d: , e: , f: }\n`,
    ["3:35 nodes.f: the underlay 10.0.0.0/29 has no address left"],
  ],
  [
    "a rate without unit",
    withLine(4, "  n2: { rate: 10 }"),
    ["4:15 nodes.n2.rate: it wants a text, not a number: put it in quotes"],
  ],
  [
    "a rate in other words",
    withLine(4, "  n2: { rate: 10Mbps }"),
    ["4:15 nodes.n2.rate: 10Mbps: a rate is written as 512kbit, 10mbit or 1gbit"],
  ],
  [
    "a rate out of range",
    withLine(4, "  n2: { rate: 1kbit }"),
    ["4:15 nodes.n2.rate: 1kbit: a rate is from 64kbit to 30gbit"],
  ],
  [
    "a link of nobody",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1, n3], state: down }] }"),
    ["2:37 underlay.links[0].between[1]: there is no node n3: did you mean n1?"],
  ],
  [
    "a link with one end",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1] }] }"),
    ["2:23 underlay.links[0].between: it wants at least 2 of them"],
  ],
  [
    "a link to itself",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1, n1] }] }"),
    ["2:37 underlay.links[0].between[1]: n1 twice: a link has two different ends"],
  ],
  [
    "a link twice",
    withLine(1, "name: lab\nunderlay: { links: [{ between: [n1, n2] }, { between: [n2, n1] }] }"),
    ["2:56 underlay.links[1].between[0]: the link of n2 and n1 is there twice"],
  ],
  // Networks.
  [
    "no subnet",
    withLine(6, "  red: { subnet: 10.65.10 }"),
    ["6:18 networks.red.subnet: subnet 10.65.10: not a subnet"],
  ],
  [
    "a subnet with host bits",
    withLine(6, "  red: { subnet: 10.65.10.1/24 }"),
    ["6:18 networks.red.subnet: subnet 10.65.10.1/24: host bits are set: did you mean 10.65.10.0/24?"],
  ],
  [
    "a gateway outside",
    withLine(6, "  red: { subnet: 10.65.10.0/24, gateway: 10.65.11.1 }"),
    ["6:18 networks.red.subnet: gateway 10.65.11.1: outside the subnet 10.65.10.0/24"],
  ],
  [
    "a gateway in none of several",
    withLine(6, "  red: { subnet: [10.65.10.0/24, 10.66.10.0/24], gateway: 10.67.10.1 }"),
    ["6:59 networks.red.gateway: gateway 10.67.10.1: outside the subnets 10.65.10.0/24, 10.66.10.0/24"],
  ],
  [
    "subnets that overlap",
    withLine(6, "  red: { subnet: [10.65.10.0/24, 10.65.0.0/16] }"),
    ["6:10 networks.red.subnet: subnet 10.65.0.0/16: overlaps 10.65.10.0/24, another one of the network"],
  ],
  [
    "a VNI twice",
    withLine(6, "  red: { subnet: 10.65.10.0/24, vni: 300 }").replace("blue: {", "blue: { vni: 300,"),
    ["7:16 networks.blue.vni: 300 is the VNI of network red"],
  ],
  [
    "a network's name twice",
    withLine(7, "  RED:"),
    ["7:3 networks.RED: it is the same name as red: upper and lower case do not count"],
  ],
]

for (const [what, text, told] of WRONG) test(`wrong: ${what}`, () => expect(mistakesOf(text)).toEqual(told))
