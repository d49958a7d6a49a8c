/** Which known word somebody meant who wrote another one: for "did you mean", wherever words are checked. */

/** The known word nearest to `given`, if it is near enough to be what was meant. */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(1, Math.floor(given.length / 3)) + 1
  for (const word of known) {
    const distance = word.startsWith(given) && given.length >= 2 ? 1 : editDistance(given, word)
    if (distance < least) {
      least = distance
      best = word
    }
  }
  return best
}

/** For a name that is not there: the one that was meant, and in any case `lister`, the command that shows them all. */
export function nameHint(given: string, known: Iterable<string>, lister: string): string {
  const meant = nearest(given, known)
  return meant === undefined ? `see ${lister}` : `did you mean ${meant}? ${lister} shows all`
}

/** How many letters to insert, delete, replace or swap with their neighbour (optimal string alignment distance). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, beforeLast[j - 2]! + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
