/**
 * `ovl install` and `uninstall` of the real program on a machine of its own, whose /etc is a copy. In the place of systemd
 * stands a script that writes down how it is called and starts, of the unit that was installed, just what that says.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { AF_UNIX, bind, close, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_DGRAM, socket } from "../../src/linux/libc.ts"
import { TestCluster, type TestNode } from "../support/cluster.ts"
import { until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

const SYSTEMCTL = `#!/bin/bash
echo "$*" >> /run/systemctl.log
unit=/etc/systemd/system/ovl.service
verb=
for word; do case "$word" in --*) ;; *) verb=\${verb:-$word} ;; esac; done
alive() { grep -qs '^State:.[^ZX]' "/proc/$(cat /run/unit.pid 2>/dev/null)/status"; }
case "$verb" in
is-active) [[ "$*" == *ovl.service* ]] && alive ;;
start | restart)
  # As systemd does: with nothing of the caller's environment.
  eval "setsid env -i PATH=$PATH $(sed -n 's/^ExecStart=//p' $unit) >/run/unit.log 2>&1 </dev/null &"
  echo $! >/run/unit.pid
  until grep -q 'is ready' /run/unit.log; do alive || exit 1; sleep 0.02; done
  eval "$(sed -n 's/^ExecStartPost=-//p' $unit)"
  ;;
stop) alive && kill "$(cat /run/unit.pid)"; while alive; do sleep 0.02; done ;;
esac
`

/** The end of it that a service manager holds. */
class NotifySocket {
  readonly path: string
  readonly everything: string[] = []
  readonly #fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)

  constructor(path: string) {
    this.path = path
    const name = new TextEncoder().encode(`${path}\0`)
    const address = new Uint8Array(2 + name.length)
    new DataView(address.buffer).setUint16(0, AF_UNIX, true)
    address.set(name, 2)
    bind(this.#fd, address)
  }

  /** What came since the last look. */
  heard(): string[] {
    const buffer = new Uint8Array(4_096)
    const found: string[] = []
    for (let n = recv(this.#fd, buffer, MSG_DONTWAIT); n > 0; n = recv(this.#fd, buffer, MSG_DONTWAIT))
      found.push(new TextDecoder().decode(buffer.subarray(0, n)))
    this.everything.push(...found)
    return found
  }

  close(): void {
    close(this.#fd)
  }
}

describeAsRoot("the service", () => {
  let cluster: TestCluster
  let server: TestNode
  let node: TestNode
  let prefix: string
  let notified: NotifySocket
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"], start: false })
    server = cluster.node("n1")
    node = cluster.node("n2")
    notified = new NotifySocket(join(cluster.scratch, "notify"))
    await server.serve({ env: { NOTIFY_SOCKET: notified.path, WATCHDOG_USEC: "60000000" } })
    const { machine } = node
    machine.sh(
      "cp -a /etc /run/etc && rm -rf /run/etc/ovl && mount --bind /run/etc /etc && mkdir -p /run/systemd/system",
    )
    const bin = join(cluster.scratch, "n2", "bin")
    mkdirSync(bin)
    writeFileSync(join(bin, "systemctl"), SYSTEMCTL)
    chmodSync(join(bin, "systemctl"), 0o755)
    machine.env.PATH = `${bin}:${machine.env.PATH}`
    prefix = join(cluster.scratch, "n2", "local")
  })
  afterAll(async () => {
    await cluster.close()
    notified.close()
  })

  /** The calls that change something, since the last look. */
  const calls = () =>
    node.machine
      .sh("cat /run/systemctl.log 2>/dev/null; rm -f /run/systemctl.log")
      .split("\n")
      .filter((line) => line !== "" && !line.includes("is-active"))
  const unit = () => node.machine.read("/etc/systemd/system/ovl.service")
  const files = (stdout: string) =>
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ +/g, " "))
  const install = (words: string[], input?: string) =>
    node.try(["install", ...words, "--prefix", prefix, "--name", "n2", "--advertise", node.address], { input })

  test("a first join without a token is refused before anything is written", () => {
    const refused = install(["join", server.address])
    expect([refused.status, refused.stderr.split("\n")[0]]).toEqual([2, "ovl: install join: --token is missing"])
    expect(existsSync(node.machine.file("/etc/ovl"))).toBe(false)
    expect(existsSync(prefix)).toBe(false)
  })

  test("a token that the cluster refuses leaves no daemon that goes on trying, and no token", () => {
    const wrong = `${server.ovl("token create").slice(0, -4)}XXXX`
    const refused = install(["join", server.address, "--token", "-"], wrong)
    expect([refused.status, refused.stderr.split("\n")[0]]).toEqual([
      1,
      "ovl: cannot set the service up: systemctl start ovl.service ended with status 1",
    ])
    expect(calls().slice(-2)).toEqual(["start ovl.service", "stop ovl.service"])
    expect(existsSync(node.machine.file("/etc/ovl/join-token"))).toBe(false)
  })

  test("install joins, by a unit that holds no token, and leaves none behind", async () => {
    const token = server.ovl("token create")
    const audit = join(cluster.scratch, "n2", "audit.log")
    const done = install(["join", server.address, "--token", "-", "--audit-log", audit], token)
    expect([done.status, done.stderr]).toEqual([0, "ovl.service has been started, and starts at each boot\n"])
    expect(calls()).toEqual(["daemon-reload", "--quiet enable ovl.service", "start ovl.service"])
    expect(unit()).toContain(`join ${server.address} --token-file=/etc/ovl/join-token --name=n2`)
    expect(existsSync(node.machine.file("/etc/ovl/join-token"))).toBe(false)
    expect(node.machine.try("grep -rlsF -f - /etc", { input: token.slice(-20) }).stdout).toBe("")
    expect(node.machine.sh("ps -eo args")).not.toContain(token.slice(-20))
    expect(server.nodes().map(({ name, state }) => `${name} ${state}`)).toEqual(["n1 alive", "n2 alive"])

    node.ovl("network create red")
    const line = JSON.parse(readFileSync(audit, "utf8").trim())
    expect(line).toMatchObject({ who: "socket", from: "local", node: "n2", what: "network create", object: "red" })
    expect(node.machine.read("/run/unit.log")).toMatch(/ info {2}audit who=socket from=local node=n2 .*object=red/)
    expect(statSync(audit).mode & 0o777).toBe(0o600)
    for (const said of [
      /audit who=node\/n2 from=n2 node=n1 what="network create" object=red revision=/,
      /audit who=token\/[0-9a-f]{12} from=unknown node=n1 what=join object=n2/,
    ])
      await until(
        () => said.test(server.daemon!.stderr),
        () => `the server says ${said}: ${server.daemon!.stderr}`,
      )
  })

  test("again, without further words, it changes nothing; with other options the unit is another", () => {
    node.ovl("run -d --network red --name ns")
    const again = node.try(["install", "--prefix", prefix])
    expect([again.status, again.stderr]).toEqual([0, "ovl.service runs\n"])
    expect(files(again.stdout).every((line) => line.startsWith("unchanged "))).toBe(true)
    expect(calls()).toEqual(["daemon-reload", "--quiet enable ovl.service"])
    const other = install(["--no-start", "--http", "off"])
    expect(files(other.stdout).filter((line) => !line.startsWith("unchanged "))).toEqual([
      "replaced /etc/systemd/system/ovl.service",
    ])
    expect(unit()).toContain("ovl join --name=n2")
    expect(unit()).not.toContain("--token")
    expect(node.json<{ name: string }[]>("ps").map(({ name }) => name)).toEqual(["ns"])
  })

  test("the service manager hears that a daemon is ready, that it lives, and that it stops", async () => {
    await until(() => notified.heard().includes("WATCHDOG=1\n"), "a sign of life")
    await server.stop()
    notified.heard()
    const all = notified.everything
    expect(all.filter((each) => each.startsWith("READY"))).toEqual([`READY=1\nSTATUS=server n1 at ${server.address}\n`])
    expect(all[0]).toStartWith("READY=1")
    expect(all.at(-1)).toBe("STOPPING=1\nSTATUS=stopping; the data plane stays as it is\n")
  })

  test("uninstall lists what it takes back, and keeps what was changed; a second one has nothing to do", () => {
    node.machine.sh("echo 'name: n2' >> /etc/ovl/config.yaml")
    const done = node.try("uninstall")
    expect([done.status, done.stderr]).toEqual([0, `the data stay in ${node.dataDir}; --purge removes them\n`])
    expect(files(done.stdout)).toEqual([
      "stopped ovl.service",
      "removed workloads, interfaces, rules and namespaces of ovl",
      `removed ${prefix}/bin/ovl`,
      "kept /etc/ovl/config.yaml (it was changed since it was installed)",
      "removed /etc/systemd/network/05-ovl.network",
      "removed /etc/systemd/network/05-ovl.link",
      "removed /etc/NetworkManager/conf.d/ovl.conf",
      "removed /etc/systemd/system/ovl.service",
      "removed /etc/ovl/installed.json",
    ])
    expect(calls()).toEqual([
      "daemon-reload",
      "--quiet enable ovl.service",
      "--quiet disable ovl.service",
      "stop ovl.service",
      "daemon-reload",
      "--quiet reset-failed ovl.service",
    ])
    expect(
      node.machine.sh("ls /etc/ovl; ls -d /run/ovl /etc/NetworkManager 2>/dev/null; ip -br link | grep -c ovl || true"),
    ).toBe("config.yaml\n0\n")
    expect(existsSync(prefix)).toBe(false)
    expect(existsSync(node.dataDir)).toBe(true)
    const again = node.try("uninstall")
    expect([again.status, again.stdout, again.stderr.split("\n")[0]]).toEqual([
      0,
      "",
      "nothing is recorded as installed",
    ])
    expect(node.try("uninstall --purge").stdout).toContain(`removed    ${node.dataDir}`)
    expect(existsSync(node.dataDir)).toBe(false)
  })
})
