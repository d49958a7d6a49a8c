/**
 * A lab's file as YAML: its values, and for each of them the place where it stands, so that whatever is wrong with one
 * can be shown. Aliases, tags and keys that are no words are refused here: a lab is data, and small.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml"
import { LAB_FILE_MAX_BYTES, LAB_FILE_MAX_DEPTH } from "../../base/limits.ts"
import type { Mistake, Place } from "./mistakes.ts"

export type Path = readonly (string | number)[]

const TOO_DEEP = `it is nested deeper than ${LAB_FILE_MAX_DEPTH} levels`
const START: Place = { line: 1, column: 1, length: 1 }

export class Source {
  /** Plain values; objects have no prototype, so that no key means anything else than itself. */
  readonly data: unknown
  /** What no value could be made of. */
  readonly mistakes: Mistake[] = []
  readonly #counter = new LineCounter()
  readonly #values = new Map<string, Node>()
  readonly #keys = new Map<string, Node>()

  constructor(text: string) {
    this.data = this.#read(text)
  }

  #read(text: string): unknown {
    if (Buffer.byteLength(text) > LAB_FILE_MAX_BYTES) {
      this.#mistake(null, [], `the file is longer than ${LAB_FILE_MAX_BYTES} bytes`)
      return null
    }
    let document: Document.Parsed
    try {
      document = parseDocument(text, { lineCounter: this.#counter, version: "1.2", uniqueKeys: false })
    } catch {
      this.#mistake(null, [], TOO_DEEP)
      return null
    }
    for (const { pos, message } of document.errors) {
      const { line, col } = this.#counter.linePos(pos[0])
      this.mistakes.push({ line, column: col, length: Math.max(1, pos[1] - pos[0]), what: "", why: plain(message) })
    }
    if (document.errors.length > 0) return null
    return this.#value(document.contents, [])
  }

  #value(node: unknown, path: Path): unknown {
    if (node === null || node === undefined) return null
    const own = node as Node
    this.#values.set(keyOf(path), own)
    if (path.length > LAB_FILE_MAX_DEPTH) return this.#mistake(own, path, TOO_DEEP)
    if (isAlias(own)) return this.#mistake(own, path, "aliases are not supported: write the value itself")
    if (own.tag !== undefined) return this.#mistake(own, path, `the tag ${own.tag} is not supported`)
    if (isSeq(own)) return own.items.map((item, at) => this.#value(item, [...path, at]))
    if (isMap(own)) return this.#map(own.items as Pair[], path)
    return isScalar(own) ? own.value : null
  }

  #map(items: Pair[], path: Path): unknown {
    const result: Record<string, unknown> = Object.create(null)
    for (const { key, value } of items) {
      // The source, not the value: a node may be called 1, and YAML would make a number of it.
      const name = isScalar(key) ? (key.source ?? String(key.value)) : null
      if (name === null) {
        this.#mistake(key as Node, path, "a key must be a single word")
        continue
      }
      if (name === "__proto__") {
        this.#mistake(key as Node, path, "__proto__ is no key of anything")
        continue
      }
      if (Object.hasOwn(result, name)) {
        this.#mistake(key as Node, [...path, name], "it is there twice")
        continue
      }
      this.#keys.set(keyOf([...path, name]), key as Node)
      result[name] = this.#value(value, [...path, name])
    }
    return result
  }

  #mistake(node: Node | null, path: Path, why: string): null {
    this.mistakes.push({ ...this.#placeOf(node), what: pathText(path), why })
    return null
  }

  #placeOf(node: Node | null | undefined): Place {
    const range = node?.range
    if (!range) return START
    const { line, col } = this.#counter.linePos(range[0])
    return { line, column: col, length: Math.max(1, range[1] - range[0]) }
  }

  /** Where a value stands; where there is none, its key, or what it should be in. */
  place(path: Path): Place {
    for (let length = path.length; length > 0; length--) {
      const key = keyOf(path.slice(0, length))
      const value = this.#values.get(key)
      // A block is shown by its key: a caret below all of it would say nothing.
      const isBlock = value && !isScalar(value) && !isAlias(value)
      const node = isBlock || length < path.length || !value?.range ? (this.#keys.get(key) ?? value) : value
      if (node) return this.#placeOf(node)
    }
    return START
  }

  keyPlace(path: Path): Place {
    const key = this.#keys.get(keyOf(path))
    return key ? this.#placeOf(key) : this.place(path)
  }

  /** A single value as it was written: `010`, `1e3`, `yes`. */
  textOf(path: Path): string | null {
    const node = this.#values.get(keyOf(path))
    if (!isScalar(node) || node.value === null) return null
    return typeof node.value === "string" ? node.value : (node.source ?? String(node.value))
  }
}

function keyOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")
}

/** `nodes.swarm-01.address`, `expect[2]`. */
export function pathText(path: Path): string {
  return path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at > 0 ? "." : ""}${part}`)).join("")
}

/** The parser's words without the excerpt that it adds. */
function plain(message: string): string {
  const first = (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "").replace(/:$/, "")
  // The parser goes down as deep as the file does.
  if (/call stack/.test(first)) return TOO_DEEP
  if (first.startsWith("Source contains multiple documents")) return "a second document begins: a file holds one lab"
  return first === "" ? "this is no YAML" : `this is no YAML: ${first.charAt(0).toLowerCase()}${first.slice(1)}`
}
