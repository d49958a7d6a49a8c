/** What the watch hears of from the real kernel. */
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { expect, test } from "bun:test"
import { NamespaceSockets } from "../../src/kernel/namespace-sockets.ts"
import { interfacesOf } from "../../src/kernel/observe.ts"
import { LinuxWatch } from "../../src/kernel/watch.ts"
import { readSurvey, takeSurvey } from "../../src/netlink/index.ts"
import { describeAsRoot, inNamespace, sandbox } from "../support/netns.ts"

/** One that was told nothing of is hardly ever read: so of all that a look would set right the kernel must tell. */
const CHANGES = `
  ip link set eth0 mtu 1400
  ip link set eth0 address 02:00:00:00:00:07
  ip link set eth0 alias somebody
  ip addr add 10.9.0.6/24 dev eth0
  ip addr del 10.9.0.6/24 dev eth0
  ip -6 addr add fd00::6/64 dev eth0 nodad
  ip -6 addr del fd00::6/64 dev eth0
  ip route replace default via 10.9.0.2
  ip route del default
  ip -6 route add default via fd00::2
  ip -6 route del default
  ip route add 10.10.0.0/16 dev eth0
  ip route flush 10.10.0.0/16
  ip route add 10.11.0.0/16 nhid 1
  ip nexthop del id 1
  ip -6 route add fd11::/64 nhid 2
  ip nexthop del id 2
  ip addr flush dev eth0 scope global
  sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
  ip link set eth0 down
  ip link set eth0 name eth7
  ip link del eth7`

const TRIES = 100

const KERNEL = resolve(import.meta.dir, "../../src/kernel")
/** Run in a network namespace of its own. */
const TAKEN_AWAY = `
  const { removeGuard, writeGuard } = require("${KERNEL}/firewall/guard.ts")
  const { HOST_NAMESPACE } = require("${KERNEL}/../model/dataplane.ts")
  const { NamespaceSockets } = require("${KERNEL}/namespace-sockets.ts")
  const { LinuxWatch } = require("${KERNEL}/watch.ts")
  writeGuard(HOST_NAMESPACE, { place: "egress", ports: [] })
  const watch = new LinuxWatch(new NamespaceSockets(), () => [])
  removeGuard(HOST_NAMESPACE)
  console.log(watch.read().rules)
  process.exit(0)`

describeAsRoot("the watch", () => {
  const box = sandbox()

  test("hears of the guard's rules, whatever the back end of iptables", () => {
    for (const backend of ["nf_tables", "legacy"]) {
      for (const program of ["iptables-save", "iptables-restore", "ip6tables-save", "ip6tables-restore"])
        writeFileSync(join(box.directory, program), `#!/bin/sh\necho "${program} v1.8.9 (${backend})"\n`, {
          mode: 0o755,
        })
      const env = { ...process.env, PATH: `${box.directory}:${process.env.PATH}` }
      const done = Bun.spawnSync(["unshare", "-n", process.execPath, "-e", TAKEN_AWAY], { env })
      expect([backend, done.stdout.toString().trim(), done.stderr.toString()]).toEqual([backend, "others", ""])
    }
  })

  test("hears of whatever changes in a workload", () => {
    const [host, workload] = [box.namespace("host"), box.namespace("workload")]
    host.run("ip link add port type veth peer name eth0")
    host.run(["ip", "link", "set", "eth0", "netns", workload.path])
    for (const line of ["link set eth0 up", "addr add 10.9.0.5/24 dev eth0", "-6 addr add fd00::5/64 dev eth0 nodad"])
      workload.run(`ip ${line}`)
    host.run("ip link set port up")
    workload.run("ip nexthop add id 1 via 10.9.0.1 dev eth0")
    workload.run("ip nexthop add id 2 via fd00::1 dev eth0")
    const { sockets, watch } = inNamespace(host.path, () => {
      const opened = new NamespaceSockets()
      return { sockets: opened, watch: new LinuxWatch(opened, () => []) }
    })
    box.onCleanup(() => sockets.close())
    box.onCleanup(() => watch.close())
    watch.follow(new Set([workload.path]))
    const version = () => {
      watch.catchUp()
      return watch.versionOf(workload.path)
    }
    const state = () => JSON.stringify([...interfacesOf(readSurvey(takeSurvey(workload.fd)!))])
    const unheard: string[] = []
    for (const change of CHANGES.split("\n").map((line) => line.trim())) {
      if (change === "") continue
      const [versionBefore, before] = [version(), state()]
      workload.run(change)
      expect(state(), change).not.toBe(before)
      // Of an IPv6 address the kernel tells a moment later.
      for (let tries = 0; tries < TRIES && version() === versionBefore; tries++) Bun.sleepSync(10)
      if (version() === versionBefore) unheard.push(change)
    }
    expect(unheard).toEqual([])
    expect(watch.versionOf(workload.path)).not.toBeNull()
  })
})
