/**
 * The C library: the only module that uses `bun:ffi`. Each export is a thin, typed wrapper over one call that throws a
 * `LinuxError` naming the call and its object. The library is opened at the first use, so that commands which need no
 * system call of their own do not pay for it. Numbers are those of x86-64 and arm64 Linux, which agree on these.
 */
import { dlopen, type Pointer, ptr, read } from "bun:ffi"
import { errnoName, LinuxError } from "./errno.ts"

const SYMBOLS = {
  __errno_location: { args: [], returns: "ptr" },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i64" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i32" },
  recvfrom: { args: ["i32", "ptr", "u64", "i32", "ptr", "ptr"], returns: "i32" },
  recvmmsg: { args: ["i32", "ptr", "u32", "i32", "ptr"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "i64"], returns: "i32" },
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  statfs: { args: ["ptr", "ptr"], returns: "i32" },
  sethostname: { args: ["ptr", "u64"], returns: "i32" },
  execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  signal: { args: ["i32", "ptr"], returns: "ptr" },
  sigemptyset: { args: ["ptr"], returns: "i32" },
  sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  getpid: { args: [], returns: "i32" },
  gettid: { args: [], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
} as const

function open_() {
  const library = dlopen("libc.so.6", SYMBOLS)
  // errno lives in the thread that loaded us, and this module's JavaScript runs on that one only.
  const errnoAt = library.symbols.__errno_location()
  if (errnoAt === null) throw new LinuxError("__errno_location", 14)
  return { calls: library.symbols, errnoAt: errnoAt as Pointer }
}

const AIO_SYMBOLS = {
  lio_listio: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  aio_error: { args: ["ptr"], returns: "i32" },
  aio_return: { args: ["ptr"], returns: "i64" },
  aio_suspend: { args: ["ptr", "i32", "ptr"], returns: "i32" },
} as const

function openAio() {
  try {
    return dlopen("libc.so.6", AIO_SYMBOLS).symbols
  } catch {
    return null
  }
}

let aio: ReturnType<typeof openAio> | undefined

/** POSIX asynchronous input and output (aio(7)); null where the C library keeps it elsewhere (glibc before 2.34). */
export function aioCalls(): ReturnType<typeof openAio> {
  if (aio === undefined) aio = openAio()
  return aio
}

/** Where the bytes lie in memory: for as long as the caller holds on to them. */
export function addressOf(bytes: Uint8Array): bigint {
  return BigInt(ptr(bytes))
}

let opened: ReturnType<typeof open_> | undefined
function libc(): ReturnType<typeof open_> {
  opened ??= open_()
  return opened
}

/** The error number of the last call that failed on this thread. */
export function lastErrno(): number {
  return read.i32(libc().errnoAt, 0)
}

function check(result: number, operation: string): number {
  if (result < 0) throw new LinuxError(operation, lastErrno())
  return result
}

/** A zero-terminated copy of `text`; a zero inside would silently cut it, so that is refused as the kernel would. */
function cstring(text: string): Uint8Array {
  if (text.includes("\0")) throw new LinuxError(`path ${JSON.stringify(text)}`, 22)
  return Buffer.from(`${text}\0`, "utf8")
}

// Sockets ------------------------------------------------------------------------------------------------------------

export const AF_UNIX = 1
export const AF_NETLINK = 16
export const AF_PACKET = 17
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_CLOEXEC = 0o2000000
export const SOCK_NONBLOCK = 0o4000
export const SOL_SOCKET = 1
export const SO_RCVBUF = 8
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const MSG_DONTWAIT = 0x40
export const MSG_TRUNC = 0x20

export function socket(family: number, type: number, protocol: number): number {
  return check(libc().calls.socket(family, type, protocol), `socket family ${family}`)
}

export function bind(fd: number, address: Uint8Array): void {
  check(libc().calls.bind(fd, address, address.length), `bind descriptor ${fd}`)
}

/** Sends the first `length` bytes of `bytes`; returns how many the kernel took. */
export function send(fd: number, bytes: Uint8Array, length: number, flags = 0): number {
  return check(libc().calls.send(fd, bytes, length, flags), `send descriptor ${fd}`)
}

/** Receives one datagram or what a stream has; a negative error number instead of a throw, as EAGAIN is everyday. */
export function recv(fd: number, into: Uint8Array, flags = 0): number {
  const count = libc().calls.recv(fd, into, into.length, flags)
  return count < 0 ? -lastErrno() : count
}

export function sendto(fd: number, bytes: Uint8Array, address: Uint8Array, flags = 0): number {
  const count = libc().calls.sendto(fd, bytes, bytes.length, flags, address, address.length)
  return check(count, `sendto descriptor ${fd}`)
}

/** As `recv`, with the sender's address left in `address`. */
export function recvfrom(fd: number, into: Uint8Array, address: Uint8Array, flags = 0): number {
  const addressLength = new Uint32Array([address.length])
  const count = libc().calls.recvfrom(fd, into, into.length, flags, address, addressLength)
  return count < 0 ? -lastErrno() : count
}

/**
 * Receives up to `count` datagrams in one call, each as long as its slot at most: acknowledgements come one a datagram.
 * `headers` is an array of `struct mmsghdr` made by `mmsgHeaders`. Returns their number, or a negative error number.
 */
export function recvmmsg(fd: number, headers: MmsgHeaders, flags = 0): number {
  const count = libc().calls.recvmmsg(fd, headers.bytes, headers.count, flags, null)
  return count < 0 ? -lastErrno() : count
}

/** The scatter list of `recvmmsg`: `count` slots of `slotBytes` each, in one arena. */
export interface MmsgHeaders {
  readonly bytes: Uint8Array
  readonly count: number
  readonly slotBytes: number
  readonly arena: Uint8Array
  /** What the kernel wrote into slot `index`, in bytes. */
  length(index: number): number
  /** True if the datagram was longer than its slot. */
  truncated(index: number): boolean
  /** An `int` that came with the datagram as control message of this level and type; null where none did. */
  controlInt(index: number, level: number, type: number): number | null
  /** To be called before each use where there is room for control messages: the kernel overwrites what the room is. */
  rearm(): void
  /** Kept so that the collector does not take what `bytes` points to. */
  readonly vectors: Uint8Array
  readonly controls: Uint8Array
}

/**
 * `struct mmsghdr` is 64 bytes: a 56-byte msghdr (iov at 16, its count at 24, control at 32, its length at 40, flags at
 * 48) and the length at 56.
 */
const MMSGHDR_BYTES = 64
/** One control message with an `int`: `struct cmsghdr` (length, level, type: 16 bytes), the value, padding. */
const CONTROL_INT_BYTES = 24

/** With `control` there is room for one control message of an `int` beside each datagram. */
export function mmsgHeaders(count: number, slotBytes: number, control = false): MmsgHeaders {
  // Buffers made explicitly: the engine may move the bytes of a small array that has none yet, and pointers are kept.
  const arena = new Uint8Array(new ArrayBuffer(count * slotBytes))
  const vectors = new Uint8Array(new ArrayBuffer(count * 16))
  const bytes = new Uint8Array(new ArrayBuffer(count * MMSGHDR_BYTES))
  const controlBytes = control ? CONTROL_INT_BYTES : 0
  const controls = new Uint8Array(new ArrayBuffer(count * CONTROL_INT_BYTES))
  const controlView = new DataView(controls.buffer)
  const vectorView = new DataView(vectors.buffer)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < count; i++) {
    vectorView.setBigUint64(i * 16, BigInt(ptr(arena)) + BigInt(i * slotBytes), true)
    vectorView.setBigUint64(i * 16 + 8, BigInt(slotBytes), true)
    view.setBigUint64(i * MMSGHDR_BYTES + 16, BigInt(ptr(vectors)) + BigInt(i * 16), true)
    view.setBigUint64(i * MMSGHDR_BYTES + 24, 1n, true)
    if (control) view.setBigUint64(i * MMSGHDR_BYTES + 32, BigInt(ptr(controls)) + BigInt(i * CONTROL_INT_BYTES), true)
  }
  const rearm = () => {
    // The upper half of the length is zero and stays so.
    for (let i = 0; i < count; i++) view.setUint32(i * MMSGHDR_BYTES + 40, controlBytes, true)
  }
  rearm()
  return {
    bytes,
    count,
    slotBytes,
    arena,
    vectors,
    controls,
    rearm,
    controlInt: (index, level, type) => {
      const at = index * CONTROL_INT_BYTES
      if (view.getUint32(index * MMSGHDR_BYTES + 40, true) < CONTROL_INT_BYTES - 4) return null
      if (controlView.getInt32(at + 8, true) !== level || controlView.getInt32(at + 12, true) !== type) return null
      return controlView.getInt32(at + 16, true)
    },
    length: (index) => view.getUint32(index * MMSGHDR_BYTES + 56, true),
    truncated: (index) => (view.getInt32(index * MMSGHDR_BYTES + 48, true) & MSG_TRUNC) !== 0,
  }
}

/** Sets an `int` option; returns false if the kernel refused. */
export function trySetsockopt(fd: number, level: number, option: number, value: number): boolean {
  return libc().calls.setsockopt(fd, level, option, new Int32Array([value]), 4) === 0
}

export function setsockopt(fd: number, level: number, option: number, value: number | Uint8Array): void {
  const bytes = typeof value === "number" ? new Int32Array([value]) : value
  check(libc().calls.setsockopt(fd, level, option, bytes, bytes.byteLength), `setsockopt ${level}/${option}`)
}

/** SO_ATTACH_FILTER: lets in only what a classic BPF program (socket(7), `struct sock_filter` eight bytes each) passes. */
const SO_ATTACH_FILTER = 26

export function setSocketFilter(fd: number, program: Uint8Array): void {
  // `struct sock_fprog`: the number of instructions, padding, the pointer to them.
  const described = new BigUint64Array([BigInt(program.length / 8), BigInt(ptr(program))])
  check(libc().calls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, described, 16), "attach a filter to a socket")
}

/** The address that the kernel gave the socket, `length` bytes of it. */
export function getsockname(fd: number, length: number): Uint8Array {
  const address = new Uint8Array(length)
  check(libc().calls.getsockname(fd, address, new Uint32Array([length])), `getsockname descriptor ${fd}`)
  return address
}

/** poll(2), include/uapi/asm-generic/poll.h. */
export const POLLPRI = 0x2
export const POLLERR = 0x8

/** What has happened to one descriptor, of `events` and of what is told unasked; waits `timeoutMs` for it at most. */
export function poll(fd: number, events: number, timeoutMs: number): number {
  // `struct pollfd`: the descriptor, then two halves of a word: what is asked, what is answered.
  const asked = new Int32Array([fd, events])
  check(libc().calls.poll(asked, 1, timeoutMs), `poll descriptor ${fd}`)
  return asked[1]! >>> 16
}

// Files and descriptors ----------------------------------------------------------------------------------------------

export const O_RDONLY = 0
export const O_RDWR = 2
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000

export function open(path: string, flags: number, mode = 0): number {
  return check(libc().calls.open(cstring(path), flags | O_CLOEXEC, mode), `open ${path}`)
}

/** Closes; a descriptor that is none is our own mistake, so it is an error. */
export function close(fd: number): void {
  check(libc().calls.close(fd), `close descriptor ${fd}`)
}

/** An `ioctl` on a structure that may well be refused: false then. */
export function tryIoctl(fd: number, request: number, argument: Uint8Array): boolean {
  return libc().calls.ioctl(fd, request, ptr(argument)) >= 0
}

/** An `ioctl` whose argument is a number or a structure. */
export function ioctl(fd: number, request: number, argument: number | Uint8Array, what: string): number {
  const value = typeof argument === "number" ? argument : ptr(argument)
  return check(libc().calls.ioctl(fd, request, value), `ioctl ${what}`)
}

const LOCK_EX = 2
const LOCK_NB = 4

/** Takes the exclusive lock of an open file without waiting; false if somebody else holds it. */
export function tryLock(fd: number): boolean {
  if (libc().calls.flock(fd, LOCK_EX | LOCK_NB) === 0) return true
  const errno = lastErrno()
  if (errnoName(errno) === "EAGAIN") return false
  throw new LinuxError(`flock descriptor ${fd}`, errno)
}

/** `f_type` and `f_flags` of `struct statfs`: the file system's magic number, and the ST_* mount flags. */
export function statfs(path: string): { type: number; flags: number } {
  const buffer = new Uint8Array(120)
  check(libc().calls.statfs(cstring(path), buffer), `statfs ${path}`)
  const view = new DataView(buffer.buffer)
  return { type: view.getUint32(0, true), flags: view.getUint32(80, true) }
}

// Namespaces and mounts ----------------------------------------------------------------------------------------------

export const CLONE_FS = 0x200
export const CLONE_NEWNS = 0x20000
export const CLONE_NEWUTS = 0x4000000
export const CLONE_NEWNET = 0x40000000

export function setns(fd: number, types: number, what = `descriptor ${fd}`): void {
  check(libc().calls.setns(fd, types), `setns ${what}`)
}

export function unshare(flags: number): void {
  check(libc().calls.unshare(flags), `unshare 0x${flags.toString(16)}`)
}

export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_NOEXEC = 8
export const MS_REMOUNT = 32
export const MS_BIND = 4096
export const MS_REC = 16384
export const MS_PRIVATE = 1 << 18
export const MS_SLAVE = 1 << 19
export const MS_SHARED = 1 << 20
export const MNT_DETACH = 2
export const UMOUNT_NOFOLLOW = 8

export function mount(source: string, target: string, type: string, flags: number, data = ""): void {
  const dataText = data === "" ? null : cstring(data)
  const result = libc().calls.mount(cstring(source), cstring(target), cstring(type), flags, dataText)
  check(result, `mount ${target}`)
}

export function umount2(target: string, flags: number): void {
  check(libc().calls.umount2(cstring(target), flags), `umount ${target}`)
}

export function sethostname(name: string): void {
  const bytes = Buffer.from(name, "utf8")
  check(libc().calls.sethostname(bytes, bytes.length), `sethostname ${name}`)
}

// Processes ----------------------------------------------------------------------------------------------------------

/** `pidfd_open` and `close_range` have no wrapper in older C libraries; their numbers are the same everywhere. */
const SYS_PIDFD_OPEN = 434
const SYS_CLOSE_RANGE = 436
const CLOSE_RANGE_CLOEXEC = 4
const SIG_SETMASK = 2

/** A descriptor that stands for the process itself, not for a number that may be given to another. */
export function pidfdOpen(pid: number): number {
  return check(Number(libc().calls.syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0)), `pidfd_open ${pid}`)
}

/** Marks every descriptor from `first` up to be closed by `execve`. */
export function closeOnExecFrom(first: number): void {
  check(Number(libc().calls.syscall(SYS_CLOSE_RANGE, first, 0xffffffff, CLOSE_RANGE_CLOEXEC, 0)), "close_range")
}

/** Sends a signal; 0 only asks whether one could be sent. False where there is no such process. */
export function kill(pid: number, signal: number): boolean {
  if (libc().calls.kill(pid, signal) === 0) return true
  const errno = lastErrno()
  if (errnoName(errno) === "ESRCH") return false
  throw new LinuxError(`kill ${pid}`, errno)
}

const RLIMIT_NOFILE = 7

/** `RLIMIT_NOFILE` of this program: how many descriptors it may open, and up to where it may raise that itself. */
export function openFilesLimit(): { soft: number; hard: number } {
  const limit = new BigUint64Array(2)
  check(libc().calls.prlimit(0, RLIMIT_NOFILE, null, limit), "prlimit RLIMIT_NOFILE")
  return { soft: Number(limit[0]), hard: Number(limit[1]) }
}

/** False where the kernel does not allow it: more than `hard`, without CAP_SYS_RESOURCE or beyond fs.nr_open. */
export function trySetOpenFilesLimit({ soft, hard }: { soft: number; hard: number }): boolean {
  const limit = new BigUint64Array([BigInt(soft), BigInt(hard)])
  return libc().calls.prlimit(0, RLIMIT_NOFILE, limit, null) === 0
}

export function prctl(option: number, a = 0, b = 0, c = 0, d = 0): number {
  return check(libc().calls.prctl(option, a, b, c, d), `prctl ${option}`)
}

/** Sets a signal's action to the default one. */
export function signalDefault(signal: number): void {
  libc().calls.signal(signal, null)
}

/** Unblocks every signal: a mask is inherited over `execve`. */
export function unblockSignals(): void {
  const set = new Uint8Array(128)
  libc().calls.sigemptyset(set)
  check(libc().calls.sigprocmask(SIG_SETMASK, set, null), "sigprocmask")
}

export function getpid(): number {
  return libc().calls.getpid()
}

export function gettid(): number {
  return libc().calls.gettid()
}

/** Replaces this program; returns only when that failed, with the error number. */
export function execve(file: string, argv: string[], env: string[]): number {
  const strings = [file, ...argv, ...env].map(cstring)
  const pointer = (index: number): bigint => BigInt(ptr(strings[index]!))
  const argvPointers = new BigUint64Array([...argv.map((_, i) => pointer(1 + i)), 0n])
  const envPointers = new BigUint64Array([...env.map((_, i) => pointer(1 + argv.length + i)), 0n])
  libc().calls.execve(strings[0]!, argvPointers, envPointers)
  return lastErrno()
}
