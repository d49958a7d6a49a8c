/**
 * Which of the answered operations have their place. They get it nearly in the order in which they were invoked, so the
 * set is a full stretch and a ragged end: its key is short however long the history is.
 */
const WORD_BITS = 16
const FULL = 0xffff

export class Bitset {
  private readonly words: Uint16Array
  /** Every word below is full. */
  private low = 0
  /** Every word from here on is empty. */
  private high = 0

  constructor(size: number) {
    this.words = new Uint16Array(Math.ceil(size / WORD_BITS) + 1)
  }

  add(index: number): void {
    const word = Math.floor(index / WORD_BITS)
    this.words[word]! |= 1 << (index % WORD_BITS)
    this.high = Math.max(this.high, word + 1)
    while (this.words[this.low] === FULL) this.low += 1
  }

  remove(index: number): void {
    const word = Math.floor(index / WORD_BITS)
    this.words[word]! &= ~(1 << (index % WORD_BITS))
    this.low = Math.min(this.low, word)
    while (this.high > 0 && this.words[this.high - 1] === 0) this.high -= 1
  }

  /** Equal for equal sets of one size only, and never the beginning of another one's key. */
  key(): string {
    let text = `${this.low}:${this.high}:`
    for (let word = this.low; word < this.high; word++) text += String.fromCharCode(this.words[word]!)
    return text
  }
}
