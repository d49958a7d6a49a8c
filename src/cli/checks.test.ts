/** Values that are wrong in themselves: refused with exit status 2 and a hint, while no daemon is asked anything. */
import { expect, test } from "bun:test"
import { COMMANDS } from "./registry.ts"
import { nameOf } from "./command.ts"
import { ovl } from "./testing.ts"

const CREATE = "network create red"
const RUN = "run -d --network red"
const ATTACH = "attach --pid 1 --network red"

test.each([
  ["network create a/b", 'network name "a/b": malformed'],
  ["network create .red", 'network name ".red": malformed'],
  [`network create ${"x".repeat(64)}`, "malformed"],
  ["network create rött", 'network name "rött": malformed'],
  [`${CREATE} --subnet x`, "subnet x: not a subnet"],
  [`${CREATE} --subnet 10.0.0.0`, "subnet 10.0.0.0: the prefix length must be a number from 0 to 32"],
  [`${CREATE} --subnet 10.0.0.0/33`, "subnet 10.0.0.0/33: the prefix length must be"],
  [`${CREATE} --subnet 10.0.0.1/24`, "subnet 10.0.0.1/24: host bits are set"],
  [`${CREATE} --subnet 10.0.0.0/31`, "subnet 10.0.0.0/31: too small for a gateway and an endpoint"],
  [`${CREATE} --subnet 127.0.0.0/24`, "subnet 127.0.0.0/24: overlaps 127.0.0.0/8"],
  [`${CREATE} --subnet 10.0.0.0/24 --gateway 10.0.1.1`, "gateway 10.0.1.1: outside the subnet 10.0.0.0/24"],
  [
    `${CREATE} --subnet 10.0.0.0/24 --subnet 10.0.1.0/24 --gateway 10.0.2.1`,
    "outside the subnets 10.0.0.0/24, 10.0.1.0/24",
  ],
  [
    `${CREATE} --subnet 10.0.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0.2`,
    "the subnet 10.0.0.0/24 has the gateway 10.0.0.1",
  ],
  [
    `${CREATE}${Array.from({ length: 9 }, (_, n) => ` --subnet 10.0.${n}.0/24`).join("")}`,
    "9 subnets: a network can have 8",
  ],
  [`${CREATE} --subnet 10.0.0.0/24 --gateway x`, "gateway x: not an IPv4 address"],
  [`${CREATE} --subnet 10.0.0.0/24 --ip-range 10.0.1.0/25`, "ip range 10.0.1.0/25: outside the subnet"],
  [`${CREATE} --subnet fd00::1/64`, "subnet fd00::1/64: host bits are set"],
  [`${CREATE} --subnet fd00::/129`, "subnet fd00::/129: the prefix length must be a number from 0 to 128"],
  [`${CREATE} --subnet fd00::/64 --gateway 10.0.0.1`, "gateway 10.0.0.1: not an IPv6 address"],
  [`${RUN} --ip6 10.0.0.2`, "address 10.0.0.2: not an IPv6 address"],
  [`${CREATE} --ip-range 10.0.0.0/25`, "ip range 10.0.0.0/25: there is no subnet for it to be a part of"],
  [`${CREATE} --label ${"k".repeat(1025)}=v`, "network red: labels: a key or a value is longer than 1024 characters"],
  ["network inspect ..", 'network name "..": malformed'],
  ["network inspect red .", 'network name ".": malformed'],
  ["network rm a/b", 'network name "a/b": malformed'],
  ["endpoint ls --network a%b", 'network name "a%b": malformed'],
  ["endpoint inspect ..", 'endpoint name "..": malformed'],
  ["node inspect ../tokens", 'node name "../tokens": malformed'],
  ["node rm ..", 'node name "..": malformed'],
  ["token rm ..", 'token name "..": malformed'],
  ["stop web ..", 'workload name "..": malformed'],
  ["rm ..", 'workload name "..": malformed'],
  ["logs ..", 'workload name "..": malformed'],
  ["exec .. sh", 'workload name "..": malformed'],
  ["detach ..", 'endpoint name "..": malformed'],
  [`${RUN} --name a/b`, 'workload name "a/b": malformed'],
  [`${RUN} --hostname a/b`, 'host name "a/b": malformed'],
  [`${RUN} --ip 10.0.0.2/24`, "address 10.0.0.2/24: not an IP address"],
  [`${RUN} --ip 10.0.0.256`, "address 10.0.0.256: not an IP address"],
  [`${RUN} --mac 1:2:3:4:5:6`, "MAC 1:2:3:4:5:6: not an Ethernet address"],
  [`${RUN} --mac 01:00:5e:00:00:01`, "MAC 01:00:5e:00:00:01: a group address"],
  [`${RUN} --network RED`, "run: network RED is named twice"],
  [`run -d --network ${Array.from({ length: 33 }, (_, at) => `n${at}`)}`, "run: 33 networks: a workload can be on 32"],
  [`${ATTACH} --name -`, 'workload name "-": malformed'],
  [`${ATTACH} --ifname abcdefghijklmnop`, 'interface name "abcdefghijklmnop": malformed'],
  [`${ATTACH} --ifname a/b`, 'interface name "a/b": malformed'],
  [`${ATTACH} --ip x`, "address x: not an IP address"],
  [`${ATTACH} --mac x`, "MAC x: not an Ethernet address"],
  ["lab exec .. sh", 'host name "..": malformed'],
  ["lab up --name a/b", 'lab name "a/b": malformed'],
  ["serve --kv-prefix a/../b", '--kv-prefix: "a/../b" is not a key prefix'],
  ["serve --bind 0.0.0.0:0", '--bind: "0.0.0.0:0" is not ADDR:PORT'],
  ["serve --bind host:8300", '--bind: "host" is not an IP address'],
  ["serve --http host:8500", '--http: "host" is not an IP address'],
])("ovl %s", async (words, message) => {
  const outcome = await ovl(words.split(" "), { root: true })
  expect([outcome.status, outcome.stdout]).toEqual([2, ""])
  expect(outcome.stderr).toStartWith("ovl: ")
  expect(outcome.stderr).toContain(message)
  expect(outcome.stderr.split("\n").at(-2)).toStartWith("hint: ")
})

test("subnets of one network that overlap are a conflict, also with nobody to ask", async () => {
  const outcome = await ovl(`${CREATE} --subnet 10.0.0.0/16 --subnet 10.0.1.0/24`.split(" "))
  expect([outcome.status, outcome.stderr.split("\n")[0]]).toEqual([
    4,
    "ovl: subnet 10.0.1.0/24: overlaps 10.0.0.0/16, another one of the network",
  ])
})

/** Arguments that may be anything, or are checked by the verb itself because it depends on more than the text. */
const FREE = `lab up FILE, lab validate FILE, join SERVER, install serve|join SERVER, kv put VALUE, kv import FILE, snapshot save FILE, snapshot restore FILE,
snapshot inspect FILE, ping TO`

test("every other argument says what it holds", () => {
  const free = COMMANDS.flatMap((command) =>
    Object.values(command.arguments)
      .filter((argument) => (argument.holds ?? argument.choices) === undefined && argument.takes !== "command")
      .map((argument) => `${nameOf(command)} ${argument.name}`),
  )
  expect(free).toEqual(FREE.split(/,\s+/))
})
