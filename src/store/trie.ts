/**
 * A set of values under byte-string prefixes that finds, for a key, all values whose prefix the key begins with. It is a
 * radix tree: looking up a key takes as many steps as the key has bytes at most, however many prefixes there are.
 */

interface Node<T> {
  /** The bytes between the parent's prefix and this one's. */
  label: string
  parent: Node<T> | null
  /** By the first byte of their labels. */
  children: Map<string, Node<T>>
  values: Set<T>
}

function node<T>(label: string, parent: Node<T> | null): Node<T> {
  return { label, parent, children: new Map(), values: new Set() }
}

export class PrefixTrie<T> {
  readonly #root: Node<T> = node<T>("", null)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(prefix: string, value: T): void {
    const { values } = this.#make(prefix)
    if (values.has(value)) return
    values.add(value)
    this.#size++
  }

  remove(prefix: string, value: T): void {
    const found = this.#find(prefix)
    if (!found?.values.delete(value)) return
    this.#size--
    this.#tidy(found)
  }

  /** Calls `visit` with the values of each prefix of `key`, the shortest prefix first. */
  visit(key: string, visit: (values: ReadonlySet<T>) => void): void {
    let at = 0
    let present: Node<T> | undefined = this.#root
    while (present && key.startsWith(present.label, at)) {
      at += present.label.length
      if (present.values.size > 0) visit(present.values)
      present = at < key.length ? present.children.get(key[at]!) : undefined
    }
  }

  *values(): Generator<T> {
    const stack: Node<T>[] = [this.#root]
    for (let top = stack.pop(); top; top = stack.pop()) {
      yield* top.values
      stack.push(...top.children.values())
    }
  }

  #find(prefix: string): Node<T> | undefined {
    let at = 0
    let present: Node<T> | undefined = this.#root
    while (present && prefix.startsWith(present.label, at)) {
      at += present.label.length
      if (at === prefix.length) return present
      present = present.children.get(prefix[at]!)
    }
    return undefined
  }

  #make(prefix: string): Node<T> {
    let at = 0
    let present = this.#root
    while (at < prefix.length) {
      const child = present.children.get(prefix[at]!)
      if (!child) {
        const made = node<T>(prefix.slice(at), present)
        present.children.set(prefix[at]!, made)
        return made
      }
      const common = commonLength(child.label, prefix, at)
      present = common < child.label.length ? this.#split(child, common) : child
      at += common
    }
    return present
  }

  /** Puts a node in the middle of the way to `child`, after `length` bytes of its label. */
  #split(child: Node<T>, length: number): Node<T> {
    const parent = child.parent!
    const middle = node<T>(child.label.slice(0, length), parent)
    parent.children.set(middle.label[0]!, middle)
    child.label = child.label.slice(length)
    child.parent = middle
    middle.children.set(child.label[0]!, child)
    return middle
  }

  /** Takes out nodes that hold nothing and join nothing. */
  #tidy(present: Node<T>): void {
    const { parent } = present
    if (!parent || present.values.size > 0 || present.children.size > 1) return
    if (present.children.size === 0) {
      parent.children.delete(present.label[0]!)
      this.#tidy(parent)
      return
    }
    for (const child of present.children.values()) {
      child.label = present.label + child.label
      child.parent = parent
      parent.children.set(child.label[0]!, child)
    }
  }
}

/** How many bytes `label` and `text`, from `at`, have in common. */
function commonLength(label: string, text: string, at: number): number {
  let length = 0
  while (length < label.length && label[length] === text[at + length]) length++
  return length
}
