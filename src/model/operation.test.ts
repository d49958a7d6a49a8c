import { expect, test } from "bun:test"
import { type Operation, renderOperation, undoOperation } from "./operation.ts"

test("what was made is undone by its opposite", () => {
  const ns = "/run/netns/1-249690033b"
  const pairs: [Operation, string | null][] = [
    [{ op: "netns-add", ns }, "ip netns del 1-249690033b"],
    [
      { op: "bridge-add", ns, name: "br0", mac: "02:42:0a:41:0a:01", mtu: 1450, alias: "ovl:x" },
      "ip -n 1-249690033b link del br0",
    ],
    [
      { op: "addr-add", ns, name: "br0", address: "10.65.10.1/24" },
      "ip -n 1-249690033b addr del 10.65.10.1/24 dev br0",
    ],
    [
      { op: "fdb-replace", ns, name: "vxlan1", mac: "02:42:0a:41:0a:03", dst: "192.168.1.52" },
      "bridge -n 1-249690033b fdb del 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent",
    ],
    [
      { op: "route-replace", ns: "", name: "eth1", dst: "default", via: "172.18.0.1" },
      "ip route del default via 172.18.0.1 dev eth1",
    ],
    [{ op: "sysctl", ns: "", key: "net.ipv4.conf.eth0.forwarding", value: "1", remember: true }, "sysctl restore"],
    [{ op: "sysctl", ns, key: "net.ipv6.conf.default.disable_ipv6", value: "1", remember: false }, null],
    [{ op: "link-del", ns, name: "veth2" }, null],
  ]
  for (const [operation, expected] of pairs) {
    const undo = undoOperation(operation)
    expect(undo && renderOperation(undo)).toBe(expected)
  }
})

test("a namespace that is not below /run/netns is named by its whole path", () => {
  const line = renderOperation({ op: "link-set", ns: "/proc/7/ns/net", name: "lo", up: true })
  expect(line).toBe("ip -n /proc/7/ns/net link set lo up")
})
