/**
 * Several writes at once, each by a thread of its own: for those that spend their time waiting in the kernel. It is the C
 * library that keeps the threads (aio(7), lio_listio(3)); they know nothing of JavaScript, and end when they are idle.
 */
import { LinuxError } from "./errno.ts"
import { aioCalls, addressOf, send } from "./libc.ts"

export interface PendingWrite {
  readonly fd: number
  readonly bytes: Uint8Array
}

/** `struct aiocb` of glibc (168 bytes) and musl, which agree on what the caller fills in: two words, then pointer and length. */
const AIOCB_BYTES = 256
const OPCODE_AT = 4
const BUFFER_AT = 16
const LENGTH_AT = 24
const LIO_WRITE = 1
const LIO_WAIT = 0

/**
 * Carries all of them out and returns when the last one is through; their order is not defined. Where the C library has
 * no such call they go one after the other. Throws `LinuxError` where one was not taken as a whole, after the others.
 */
export function writeTogether(writes: readonly PendingWrite[]): void {
  const calls = writes.length > 1 ? aioCalls() : null
  if (calls === null) {
    for (const { fd, bytes } of writes) send(fd, bytes, bytes.length)
    return
  }
  const blocks = new Uint8Array(writes.length * AIOCB_BYTES)
  const view = new DataView(blocks.buffer)
  const list = new BigUint64Array(writes.length)
  const start = addressOf(blocks)
  for (const [place, { fd, bytes }] of writes.entries()) {
    const at = place * AIOCB_BYTES
    view.setInt32(at, fd, true)
    view.setInt32(at + OPCODE_AT, LIO_WRITE, true)
    view.setBigUint64(at + BUFFER_AT, addressOf(bytes), true)
    view.setBigUint64(at + LENGTH_AT, BigInt(bytes.length), true)
    list[place] = start + BigInt(at)
  }
  // It says too that one has failed, or that a signal came: each is asked for itself.
  calls.lio_listio(LIO_WAIT, list, writes.length, null)
  let failure: LinuxError | null = null
  for (const [place, { fd, bytes }] of writes.entries()) {
    const block = blocks.subarray(place * AIOCB_BYTES)
    const error = awaited(calls, block, list.subarray(place, place + 1))
    const taken = Number(calls.aio_return(block))
    if (error === 0 && taken === bytes.length) continue
    failure ??= new LinuxError(`write descriptor ${fd}`, error === 0 ? EIO : error)
  }
  if (failure) throw failure
}

const EIO = 5
const EINPROGRESS = 115

/** The error number of a write, when it is through; 0: none. */
function awaited(calls: NonNullable<ReturnType<typeof aioCalls>>, block: Uint8Array, list: BigUint64Array): number {
  for (;;) {
    const error = calls.aio_error(block)
    if (error !== EINPROGRESS) return error
    calls.aio_suspend(list, 1, null)
  }
}
