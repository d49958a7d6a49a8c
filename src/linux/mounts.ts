/** Mounts: bind mounts, tmpfs, how they spread between mount namespaces, and what is mounted where (mount(2)). */
import { readFileSync } from "node:fs"
import { isErrno } from "./errno.ts"
import {
  close,
  MNT_DETACH,
  mount,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  O_CLOEXEC,
  O_PATH,
  open,
  statfs,
  umount2,
  UMOUNT_NOFOLLOW,
} from "./libc.ts"

/** `ST_NOEXEC` of statvfs(3). */
const ST_NOEXEC = 8

/** Makes `source`, a file or a directory, appear at `target`, which must be there and of the same sort. */
export function bindMount(source: string, target: string, options: { readOnly?: boolean; recursive?: boolean } = {}) {
  mount(source, target, "none", MS_BIND | (options.recursive === true ? MS_REC : 0))
  // The kernel ignores MS_RDONLY in the first call: it takes a second one, and both or nothing is wanted.
  if (options.readOnly !== true) return
  try {
    mount("none", target, "none", MS_BIND | MS_REMOUNT | MS_RDONLY)
  } catch (error) {
    unmount(target, { detach: true })
    throw error
  }
}

export interface TmpfsOptions {
  /** Permissions of its root; 0o755 if left out. */
  mode?: number
  /** Half of the memory if left out. */
  sizeBytes?: number
  noexec?: boolean
}

/** Mounts an empty tmpfs on a directory; set-user-id bits and devices have no effect in it. */
export function mountTmpfs(target: string, options: TmpfsOptions = {}): void {
  const size = options.sizeBytes === undefined ? "" : `,size=${options.sizeBytes}`
  const flags = MS_NOSUID | MS_NODEV | (options.noexec === true ? MS_NOEXEC : 0)
  mount("tmpfs", target, "tmpfs", flags, `mode=${(options.mode ?? 0o755).toString(8)}${size}`)
}

/** `private`: mounts neither come in nor go out. `slave`: they come in only. `shared`: both. */
export type Propagation = "private" | "slave" | "shared"

const PROPAGATION: Record<Propagation, number> = { private: MS_PRIVATE, slave: MS_SLAVE, shared: MS_SHARED }

/** How mounts below `target`, a mount point, spread; with `recursive` below the mounts in it, too. */
export function setPropagation(target: string, propagation: Propagation, recursive = true): void {
  mount("none", target, "none", PROPAGATION[propagation] | (recursive ? MS_REC : 0))
}

/** Unmounts; false if nothing was mounted there. `detach` takes it away even while in use. */
export function unmount(target: string, options: { detach?: boolean } = {}): boolean {
  try {
    umount2(target, UMOUNT_NOFOLLOW | (options.detach === true ? MNT_DETACH : 0))
    return true
  } catch (error) {
    if (isErrno(error, "EINVAL", "ENOENT")) return false
    throw error
  }
}

/** One line of /proc/<pid>/mountinfo, proc_pid_mountinfo(5). */
export interface Mount {
  id: number
  parent: number
  /** What of the file system is visible, seen from its own root. For a namespace `net:[4026531840]`. */
  root: string
  /** Where. */
  target: string
  options: string[]
  /** `shared:12`, `master:3`, ... */
  tags: string[]
  type: string
  source: string
}

/** Spaces and the like are written as `\040`. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** Parses mountinfo; lines that are not of its form are left out. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ")
    const dash = fields.indexOf("-", 6)
    if (dash < 0 || fields.length < dash + 3) return []
    return {
      id: Number(fields[0]),
      parent: Number(fields[1]),
      root: unescapeField(fields[3]!),
      target: unescapeField(fields[4]!),
      options: fields[5]!.split(","),
      tags: fields.slice(6, dash),
      type: fields[dash + 1]!,
      source: unescapeField(fields[dash + 2]!),
    }
  })
}

/** The mounts that a process sees: this thread's own if no pid is given. */
export function listMounts(pid?: number): Mount[] {
  return parseMountinfo(readFileSync(`/proc/${pid ?? "thread-self"}/mountinfo`, "utf8"))
}

/**
 * True if something is mounted exactly at this absolute path and can be seen there. A mount that another one covers is
 * still in the list of mounts, so it is not the list that is asked but the file: of which mount is it (proc_pid_fdinfo(5))?
 */
export function isMountPoint(path: string): boolean {
  let fd: number
  try {
    fd = open(path, O_PATH | O_CLOEXEC)
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false
    throw error
  }
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/thread-self/fdinfo/${fd}`, "utf8"))?.[1]
    return listMounts().some((one) => one.id === Number(id) && one.target === path)
  } finally {
    close(fd)
  }
}

/** True if programs and libraries below this directory cannot be executed. */
export function isNoexec(directory: string): boolean {
  return (statfs(directory).flags & ST_NOEXEC) !== 0
}
