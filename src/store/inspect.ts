/**
 * A look at LMDB's data file before LMDB opens it: LMDB maps the file into memory and trusts it, so that a damaged one
 * can end the process instead of giving an error. Checked are both meta pages (magic, version, page size), the roots of
 * the trees, and, where the file is shorter than its last page would have it, every page that the trees lead to. The
 * layout is that of liblmdb's mdb.c, data version 2, as lmdb-js 3.5 builds it for 64-bit little-endian machines.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { OvlError } from "../base/errors.ts"

const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const META_PAGES = 2
const PAGE_HEADER_BYTES = 24
const META_BYTES = 200
/** struct MDB_page: where the flags of the page and the end of its node offsets stand. */
const PAGE_FLAGS_AT = 18
const PAGE_LOWER_AT = 20
const BRANCH = 1
const LEAF = 2
const OVERFLOW = 4
const META = 8
/** struct MDB_node: flags of a leaf's node, and its head. */
const BIG_DATA = 1
const SUB_DATABASE = 2
const NODE_HEAD_BYTES = 8
/** struct MDB_db: where its root stands; of all ones in an empty tree. */
const TREE_ROOT_AT = 40
const TREE_BYTES = 48
const NO_PAGE = 0xffffffffffffffffn

interface Meta {
  pageBytes: number
  lastPage: number
  transaction: bigint
  roots: bigint[]
}

/** True where the file holds a store already, false where it is empty. Throws `data_foreign` or `data_corrupt`. */
export function checkDataFile(path: string): boolean {
  const fd = openSync(path, "r")
  try {
    const { size } = fstatSync(fd)
    if (size === 0) return false
    new DataFile(path, fd, size).check()
    return true
  } finally {
    closeSync(fd)
  }
}

class DataFile {
  readonly #path: string
  readonly #fd: number
  readonly #size: number

  constructor(path: string, fd: number, size: number) {
    this.#path = path
    this.#fd = fd
    this.#size = size
  }

  check(): void {
    const first = this.#meta(0)
    const pageBytes = first?.pageBytes ?? 4096
    const second = this.#meta(pageBytes)
    if (!first && !second) throw this.#foreign()
    if (!first || !second || second.pageBytes !== pageBytes) throw this.#corrupt("a meta page is damaged")
    const meta = first.transaction > second.transaction ? first : second
    const short = this.#size < (meta.lastPage + 1) * pageBytes
    try {
      for (const root of meta.roots) this.#checkTree(root, pageBytes, short)
    } catch (thrown) {
      // An offset that leads out of its page.
      throw thrown instanceof RangeError ? this.#corrupt("a page is damaged") : thrown
    }
  }

  /** A meta page; undefined where there is none. Throws where it is of another version. */
  #meta(at: number): Meta | undefined {
    const page = this.#read(at, META_BYTES)
    if (page.byteLength < META_BYTES) return undefined
    if (page.getUint32(PAGE_HEADER_BYTES, true) !== MAGIC || page.getUint16(PAGE_FLAGS_AT, true) !== META)
      return undefined
    if ((page.getUint32(PAGE_HEADER_BYTES + 4, true) & 0xffff) !== DATA_VERSION) throw this.#foreign()
    const trees = PAGE_HEADER_BYTES + 24
    const pageBytes = page.getUint32(trees, true)
    if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined
    return {
      pageBytes,
      roots: [trees, trees + TREE_BYTES].map((tree) => page.getBigUint64(tree + TREE_ROOT_AT, true)),
      lastPage: Number(page.getBigUint64(trees + 2 * TREE_BYTES, true)),
      transaction: page.getBigUint64(trees + 2 * TREE_BYTES + 8, true),
    }
  }

  /** Looks at the tree's root, and with `deep` at all that it leads to. */
  #checkTree(root: bigint, pageBytes: number, deep: boolean): void {
    const pages = root === NO_PAGE ? [] : [root]
    const seen = new Set<bigint>()
    for (let number = pages.pop(); number !== undefined; number = pages.pop()) {
      const page = this.#page(number, pageBytes)
      const flags = page.getUint16(PAGE_FLAGS_AT, true)
      const sound = page.getBigUint64(0, true) === number && !seen.has(number) && (flags & (BRANCH | LEAF)) !== 0
      if (!sound) throw this.#corrupt(`page ${number} is damaged`)
      seen.add(number)
      if (deep) pages.push(...this.#childrenOf(page, flags, pageBytes))
    }
  }

  /** The pages of trees that a page leads to; those of large values are looked at on the way. */
  #childrenOf(page: DataView, flags: number, pageBytes: number): bigint[] {
    const children: bigint[] = []
    // In this build of LMDB offsets within a page are counted from behind its header (PAGEBASE).
    const count = page.getUint16(PAGE_LOWER_AT, true) >> 1
    for (let i = 0; i < count; i++) {
      const at = PAGE_HEADER_BYTES + page.getUint16(PAGE_HEADER_BYTES + 2 * i, true)
      const nodeFlags = page.getUint16(at + 4, true)
      if (flags & BRANCH) {
        children.push((BigInt(nodeFlags) << 32n) | BigInt(page.getUint32(at, true)))
        continue
      }
      const data = at + NODE_HEAD_BYTES + page.getUint16(at + 6, true)
      if (nodeFlags & BIG_DATA) this.#checkLargeValue(page.getBigUint64(data, true), pageBytes)
      if ((nodeFlags & SUB_DATABASE) === 0) continue
      const root = page.getBigUint64(data + TREE_ROOT_AT, true)
      if (root !== NO_PAGE) children.push(root)
    }
    return children
  }

  #checkLargeValue(number: bigint, pageBytes: number): void {
    const page = this.#page(number, pageBytes)
    if ((page.getUint16(PAGE_FLAGS_AT, true) & OVERFLOW) === 0) throw this.#corrupt(`page ${number} is damaged`)
    this.#page(number + BigInt(page.getUint32(PAGE_LOWER_AT, true)) - 1n, pageBytes)
  }

  #page(number: bigint, pageBytes: number): DataView {
    if (number < META_PAGES || (number + 1n) * BigInt(pageBytes) > BigInt(this.#size))
      throw this.#corrupt(`it is cut off at ${this.#size} bytes`)
    return this.#read(Number(number) * pageBytes, pageBytes)
  }

  #read(at: number, length: number): DataView {
    const bytes = new Uint8Array(length)
    const count = readSync(this.#fd, bytes, 0, length, at)
    return new DataView(bytes.buffer, 0, count)
  }

  #foreign(): OvlError {
    return dataForeign(`${this.#path} is no data file that this version of ovl can read`)
  }

  #corrupt(why: string): OvlError {
    return new OvlError("data_corrupt", `open the store: ${this.#path}: ${why}`, {
      hint: "keep a copy of the data directory; restore a snapshot into a new one, or join it as a new node",
    })
  }
}

export function dataForeign(why: string): OvlError {
  return new OvlError("data_foreign", `open the store: ${why}`, {
    kind: "conflict",
    hint: "nothing was changed; name another --data-dir, or move what is there out of the way",
  })
}
