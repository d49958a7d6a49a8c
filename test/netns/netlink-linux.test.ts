/** Namespaces, mounts, entering workloads and raw frames, on the real kernel. */
import { expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  bindMount,
  isMountPoint,
  isNoexec,
  listMounts,
  mountTmpfs,
  setPropagation,
  unmount,
} from "../../src/linux/mounts.ts"
import {
  createPinnedNamespace,
  deleteNamespace,
  ensureNamespaceDirectory,
  isNamespace,
  listNamespaces,
  namespaceId,
  releaseNamespaceDirectory,
  sameNamespace,
  withNamespace,
} from "../../src/linux/namespaces.ts"
import { PacketSocket } from "../../src/linux/packet.ts"
import { link } from "../../src/netlink/index.ts"
import { describeAsRoot, inNamespace, sandbox } from "../support/netns.ts"

describeAsRoot("namespaces", () => {
  const box = sandbox()

  test("are made, pinned, listed and removed; each is idempotent or says what is in the way", () => {
    const directory = join(box.directory, "netns")
    mkdirSync(directory)
    const path = join(directory, "one")
    const home = namespaceId()
    createPinnedNamespace(path)
    expect(namespaceId()).toEqual(home)
    expect(isNamespace(path)).toBe(true)
    expect(sameNamespace(path, "/proc/self/ns/net")).toBe(false)
    expect(() => createPinnedNamespace(path)).toThrow("EEXIST")
    expect(isNamespace(path)).toBe(true)
    writeFileSync(join(directory, "two-interrupted"), "")
    expect(listNamespaces(directory)).toEqual([
      { name: "one", path, id: namespaceId(path) },
      { name: "two-interrupted", path: join(directory, "two-interrupted"), id: null },
    ])
    expect(listNamespaces(join(directory, "nowhere"))).toEqual([])
    expect(deleteNamespace(path)).toBe(true)
    expect(deleteNamespace(path)).toBe(false)
    expect(deleteNamespace(join(directory, "two-interrupted"))).toBe(true)
    expect(readdirSync(directory)).toEqual([])
    expect(() => createPinnedNamespace(join(directory, "no", "such", "directory"))).toThrow("ENOENT")
  })

  test("are left again, also when the code inside throws, also nested", () => {
    const [one, two] = [box.namespace("one"), box.namespace("two")]
    const home = namespaceId()
    expect(() =>
      withNamespace(one.path, () => {
        expect(namespaceId()).toEqual(namespaceId(one.path))
        withNamespace(two.fd, () => expect(namespaceId()).toEqual(namespaceId(two.path)))
        expect(namespaceId()).toEqual(namespaceId(one.path))
        throw new Error("from inside")
      }),
    ).toThrow("from inside")
    expect(namespaceId()).toEqual(home)
    expect(() => withNamespace(join(box.directory, "nowhere"), () => 1)).toThrow("ENOENT")
    expect(namespaceId()).toEqual(home)
    expect(inNamespace(one.path, () => one.run("readlink /proc/self/ns/net").trim())).toBe(
      `net:[${namespaceId(one.path).ino}]`,
    )
  })

  test("are seen by ip netns in a directory prepared as ip does, and the directory is given back", () => {
    const directory = join(box.directory, "run-netns")
    box.onCleanup(() => unmount(directory, { detach: true }))
    expect(ensureNamespaceDirectory(directory)).toBe(true)
    expect(ensureNamespaceDirectory(directory)).toBe(false)
    const [mounted] = listMounts().filter((one) => one.target === directory)
    expect(mounted!.tags.join()).toContain("shared:")
    createPinnedNamespace(join(directory, "x"))
    expect(releaseNamespaceDirectory(directory)).toBe(false)
    deleteNamespace(join(directory, "x"))
    expect(releaseNamespaceDirectory(directory)).toBe(true)
    expect(releaseNamespaceDirectory(directory)).toBe(false)
    expect(isMountPoint(directory)).toBe(false)
  })
})

describeAsRoot("mounts", () => {
  const box = sandbox()

  test("bind, tmpfs, propagation, and back", () => {
    const [source, target] = [join(box.directory, "source"), join(box.directory, "target")]
    mkdirSync(source)
    mkdirSync(target)
    box.onCleanup(() => void unmount(target, { detach: true }))
    writeFileSync(join(source, "file"), "seen")
    bindMount(source, target, { readOnly: true })
    expect(readFileSync(join(target, "file"), "utf8")).toBe("seen")
    expect(() => writeFileSync(join(target, "file"), "changed")).toThrow("EROFS")
    expect(unmount(target)).toBe(true)
    expect(unmount(target)).toBe(false)
    expect(unmount(join(box.directory, "nowhere"))).toBe(false)
    mountTmpfs(target, { mode: 0o700, sizeBytes: 65_536, noexec: true })
    setPropagation(target, "private")
    expect(listMounts().find((one) => one.target === target)).toMatchObject({ type: "tmpfs", tags: [] })
    expect(isNoexec(target)).toBe(true)
    setPropagation(target, "shared")
    expect(
      listMounts()
        .find((one) => one.target === target)!
        .tags.join(),
    ).toContain("shared:")
    expect(() => writeFileSync(join(target, "big"), "x".repeat(100_000))).toThrow("ENOSPC")
    expect(unmount(target, { detach: true })).toBe(true)
  })
})

describeAsRoot("entering a workload", () => {
  const box = sandbox()
  const source = (name: string) => JSON.stringify(join(import.meta.dir, "..", "..", "src", "linux", name))

  /** Runs a script in a Bun of its own: entering is for good. */
  function script(body: string): Bun.Subprocess<"ignore", "pipe", "pipe"> {
    const imports = `
      import { enterNetwork, enterProcess, execProgram, newNamespaces } from ${source("process.ts")}
      import { bindMount } from ${source("mounts.ts")}
      import { sethostname } from ${source("libc.ts")}
      const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }\n`
    const child = Bun.spawn([process.execPath, "-e", imports + body], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    })
    box.onCleanup(() => child.kill(9))
    return child
  }

  test("new namespaces, host name and files of its own; a second program enters them by pid", async () => {
    const here = box.namespace("workload")
    link.set(here.socket, "lo", { up: true })
    const [hosts, ready] = [join(box.directory, "hosts"), join(box.directory, "ready")]
    writeFileSync(hosts, "10.65.10.2 namespace_01\n")
    const first = script(`
      enterNetwork(${JSON.stringify(here.path)})
      newNamespaces(["mount", "uts"])
      bindMount(${JSON.stringify(hosts)}, "/etc/hosts")
      sethostname("namespace-01")
      execProgram(["sh", "-c", "echo $$ > ${ready}.new; mv ${ready}.new ${ready}; exec sleep 60"], env)`)
    while (!existsSync(ready)) {
      if (first.exitCode !== null) throw new Error(await new Response(first.stderr).text())
      await Bun.sleep(5)
    }
    const pid = Number(readFileSync(ready, "utf8"))
    expect(pid).toBe(first.pid)
    const second = script(`
      enterProcess(${pid}, ["net", "mount", "uts"])
      execProgram(["sh", "-c", "hostname; cat /etc/hosts; readlink /proc/self/ns/net; exit 3"], env)`)
    expect(await second.exited).toBe(3)
    const ino = namespaceId(here.path).ino
    expect(await new Response(second.stdout).text()).toBe(`namespace-01\n10.65.10.2 namespace_01\nnet:[${ino}]\n`)
    first.kill(9)
    await first.exited
    const late = script(`
      try { enterProcess(${pid}, ["net"]) } catch (error) { console.log(error.kind, error.message) }`)
    await late.exited
    expect(await new Response(late.stdout).text()).toStartWith(`not_found pidfd_open ${pid}: ESRCH`)
    expect(readFileSync("/etc/hosts", "utf8")).not.toContain("namespace_01")
  })
})

describeAsRoot("raw frames", () => {
  const box = sandbox()

  test("go in at one end and come out at the other", async () => {
    const [left, right] = [box.namespace("left"), box.namespace("right")]
    const peer = { name: "eth0", mac: "02:00:00:00:00:02", namespace: right.fd }
    link.add(left.socket, { kind: "veth", name: "eth0", mac: "02:00:00:00:00:01", up: true, peer })
    using observer = PacketSocket.open({ namespace: left.fd, device: "eth0" })
    using sender = PacketSocket.open({ namespace: left.path, device: "eth0" })
    link.set(right.socket, "eth0", { up: true })
    using receiver = PacketSocket.open({ namespace: right.fd, device: "eth0", protocol: 0x88b5 })
    using other = PacketSocket.open({
      namespace: right.path,
      device: link.indexOf(right.socket, "eth0")!,
      promiscuous: true,
    })
    expect(receiver.receive()).toBeNull()
    // Until the kernel has seen the carrier, a moment after `up`, it drops what is sent.
    while ([left, right].some((one) => link.get(one.socket, "eth0")!.operState !== "up")) await Bun.sleep(1)
    const frame = new Uint8Array(60)
    frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 0xca, 0xfe])
    sender.send(frame)
    expect(receiver.receive()).toEqual({ bytes: frame, outgoing: false })
    expect(receiver.receive()).toBeNull()
    const ours = (one: { bytes: Uint8Array }) => one.bytes[12] === 0x88 && one.bytes[13] === 0xb5
    expect(other.drain(100).filter(ours)).toHaveLength(1)
    // A socket does not see what it sent itself, others on the interface do.
    expect(observer.drain(100).filter(ours)).toEqual([{ bytes: frame, outgoing: true }])
    expect(sender.drain(100).filter(ours)).toEqual([])
    expect(() => PacketSocket.open({ namespace: left.path, device: "nobody" })).toThrow("interface nobody: ENODEV")
    expect(() => PacketSocket.open({ namespace: left.path, device: "a-name-of-more-than-15" })).toThrow("ENODEV")
  })
})
