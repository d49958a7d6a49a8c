/**
 * Names and meanings of the kernel's error numbers, and the error that a failed system call becomes. Kept apart from
 * the calls themselves so that netlink, which reads error numbers out of messages, can share it.
 */
import { constants } from "node:os"
import { getSystemErrorMap } from "node:util"
import type { ErrorKind, OvlErrorOptions } from "../base/errors.ts"
import { OvlError } from "../base/errors.ts"

const NAMES = new Map<number, string>()
for (const [name, number] of Object.entries(constants.errno)) if (!NAMES.has(number)) NAMES.set(number, name)
/** Two names for one number: the usual one. */
NAMES.set(11, "EAGAIN")
NAMES.set(95, "EOPNOTSUPP")
/** Not in the C library, but some drivers let it out (include/linux/errno.h). */
NAMES.set(524, "ENOTSUPP")

/** `EEXIST` for 17; `errno 999` for a number that nobody knows. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** `file already exists` for 17; empty where the C library has no words. */
export function errnoText(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? ""
}

const KINDS: Record<string, ErrorKind> = {
  EPERM: "forbidden",
  EACCES: "forbidden",
  ENOENT: "not_found",
  ESRCH: "not_found",
  ENODEV: "not_found",
  ENXIO: "not_found",
  EADDRNOTAVAIL: "not_found",
  EEXIST: "conflict",
  EBUSY: "conflict",
  EADDRINUSE: "conflict",
  EINVAL: "invalid",
  ERANGE: "invalid",
}

/** What an error number means to the caller: not found, taken, not allowed, wrong in itself, or just failed. */
export function errnoKind(name: string): ErrorKind {
  return KINDS[name] ?? "failed"
}

/** A system call that the kernel refused: `setns /run/netns/x: EPERM, operation not permitted`. */
export class LinuxError extends OvlError {
  readonly errno: number
  /** `EPERM`: what to compare with. */
  readonly errnoName: string
  /** What was tried: the call and what it was about. */
  readonly operation: string

  constructor(operation: string, errno: number, detail?: string, options: OvlErrorOptions = {}) {
    const name = errnoName(errno)
    const why = detail ?? errnoText(errno)
    super(`linux_${name.toLowerCase()}`, `${operation}: ${name}${why === "" ? "" : `, ${why}`}`, {
      kind: errnoKind(name),
      ...options,
    })
    this.name = "LinuxError"
    this.errno = errno
    this.errnoName = name
    this.operation = operation
  }
}

/** True if `thrown` is a refusal by the kernel with one of these names; Node's own errors (`code`) count too. */
export function isErrno(thrown: unknown, ...names: string[]): boolean {
  if (thrown instanceof LinuxError) return names.includes(thrown.errnoName)
  return thrown instanceof Error && "code" in thrown && names.includes(String(thrown.code))
}
