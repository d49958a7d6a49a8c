/** Values that are wrong in themselves: names, addresses, numbers. */
import type { CodeTable } from "./row.ts"

export const VALUE_CODES = {
  name_invalid: {
    kinds: ["usage"],
    means: "A name is not of the form that names have.",
    causes: "Blanks, a slash, or a leading dash; a host name that is no node name.",
    remedy: "Use 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit.",
  },
  address_invalid: {
    kinds: ["usage", "invalid"],
    means: "Something that should be an IP address is none, or none that a host can have.",
    causes: "A typing mistake, a prefix length where none belongs, a network, broadcast or multicast address.",
    remedy: "Write it as 10.65.10.2 or fd00:65:10::2.",
  },
  address_malformed: {
    kinds: ["usage"],
    means: "An address with a port is not of the form HOST:PORT.",
    causes: "The port was forgotten, or an IPv6 address stands without brackets.",
    remedy: "Write 192.168.1.51:8300 or [fd00::1]:8300.",
  },
  subnet_invalid: {
    kinds: ["usage"],
    means: "A subnet is malformed, has host bits set, is too small, or is one that no host can have.",
    causes: "`10.65.10.1/24` in place of `10.65.10.0/24`, or a range such as 127.0.0.0/8.",
    remedy: "The hint names the subnet that was probably meant.",
  },
  gateway_invalid: {
    kinds: ["usage", "invalid"],
    means: "The gateway is no address of the subnet that an interface can have.",
    causes: "It is outside, or the subnet's first or last address.",
    remedy: "Leave --gateway out to get the first address.",
  },
  ip_range_invalid: {
    kinds: ["invalid", "usage"],
    means: "The range from which addresses are given is no part of the subnet.",
    causes: "It is outside all of them, leaves no address, or there is no --subnet.",
    remedy: "Choose a part of one subnet, or leave --ip-range out.",
  },
  mac_invalid: {
    kinds: ["usage"],
    means: "A MAC is malformed, or none that an interface can have.",
    causes: "A group address (first octet odd), or all zeros.",
    remedy: "Write it as 02:42:0a:41:0a:02, or leave it out.",
  },
  ifname_invalid: {
    kinds: ["usage"],
    means: "An interface name is none that Linux takes.",
    causes: "More than 15 characters, a blank, a slash or a colon.",
    remedy: "Choose a short one, such as eth0.",
  },
  mtu_invalid: {
    kinds: ["usage"],
    means: "An MTU is no number that an interface can have.",
    causes: "Too small, too large, or no whole number.",
    remedy: "Leave --mtu out to get what the nodes' underlay carries.",
  },
  vni_invalid: {
    kinds: ["usage"],
    means: "A VNI is outside 1 to 16777215.",
    causes: "It has 24 bits (RFC 7348).",
    remedy: "Leave --vni out to get the next free one.",
  },
  labels_invalid: {
    kinds: ["usage"],
    means: "Labels are too many or too long.",
    causes: "A text was put into a label.",
    remedy: "Keep what is long elsewhere, under a name.",
  },
  driver_unknown: {
    kinds: ["usage"],
    means: "There is no such network driver.",
    causes: "`-d bridge` or another of docker's drivers.",
    remedy: "The only driver is `overlay`; leave -d out.",
  },
  port_mapping_invalid: {
    kinds: ["usage"],
    means: "A published port is not of the form that -p takes.",
    causes: "Words in place of numbers, ranges of different lengths, an unknown protocol.",
    remedy: "Write `8080:80`, `127.0.0.1:8080:80`, `53:53/udp` or `8000-8009:9000-9009`.",
  },
  kv_prefix_invalid: {
    kinds: ["usage"],
    means: "The prefix under which ovl keeps its own keys is malformed.",
    causes: "A leading or a doubled slash, or other characters than those of names.",
    remedy: "Write it as `ovl` or `lab/one`.",
  },
  key_invalid: {
    kinds: ["usage"],
    means: "A key is none that the store takes.",
    causes: "It is empty, too long, or begins with a slash.",
    remedy: "Keys look like config/web/port.",
  },
  network_repeated: {
    kinds: ["invalid", "usage"],
    means: "A network is named twice for one workload.",
    causes: "The same name twice in --network, or a name and an id that are the same network.",
    remedy: "Name each network once.",
  },
  subnets_too_many: {
    kinds: ["usage"],
    means: "A network was to have more subnets than it can.",
    causes: "More than 8 --subnet, of both families together.",
    remedy: "Name larger ones, or make several networks.",
  },
  networks_too_many: {
    kinds: ["usage"],
    means: "A workload was to be on more networks than it can be.",
    causes: "A list that a script made.",
    remedy: "Leave some of them out.",
  },
  token_spec_invalid: {
    kinds: ["usage"],
    means: "A token was asked for with a validity or a number of uses that it cannot have.",
    causes: "--ttl or --uses out of range.",
    remedy: "Such as --ttl 24h --uses 3.",
  },
  servers_invalid: {
    kinds: ["usage"],
    means: "Too few or too many servers were named to join.",
    causes: "A list that a script made.",
    remedy: "One is enough: it knows the others.",
  },
  servers_too_many: {
    kinds: ["usage"],
    means: "More servers were named to join than are tried.",
    causes: "A list that a script made.",
    remedy: "One is enough: it knows the others.",
  },
  http_address_invalid: {
    kinds: ["usage"],
    means: "Where the API should listen is not an address and a port.",
    causes: "A name in place of an address, or no port.",
    remedy: "Write 127.0.0.1:8500, [::1]:8500, or off.",
  },
} as const satisfies CodeTable
